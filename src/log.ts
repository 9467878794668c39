import { pino } from 'pino'
import type { Logger } from 'pino'
import type { LogLevel } from './config.ts'
import { createTokenScanner } from './domain/service-key.ts'

export type { Logger }

/**
 * The log: JSON lines on stderr. Nothing secret is ever handed to it; should something slip through all the
 * same, known fields are redacted and whatever has a token's form is masked in the finished line.
 */
export function createLog(options: { level: LogLevel; prefixes: readonly string[] }): Logger {
  const { mask } = createTokenScanner(options.prefixes)
  return pino(
    {
      level: options.level,
      base: null,
      redact: {
        paths: ['token', 'authorization', 'cookie', '*.token', '*.authorization', '*.cookie'],
        censor: '[redacted]',
      },
      hooks: { streamWrite: mask },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}
