import type { Tell } from '../contracts.ts'

const severity = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

export interface LogMessages {
  tell: Tell
  /** Hands over what waits, where the client takes messages of `least` severity; `null` for those of any. */
  flush(least: string | null): void
  /** What was said of failures may be said again: it works now. */
  recovered(): void
}

/**
 * Says things to the person: each once on stderr, and what is a warning or worse also as an MCP log message, as soon
 * as the client takes one.
 */
export function createLogMessages(out: {
  stderr: (line: string) => void
  client: (message: string) => void
}): LogMessages {
  const said = new Map<string, string>()
  const warned = new Set<string>()
  let waiting: { level: 'warning' | 'error'; data: string }[] = []

  return {
    tell(level, code, text) {
      const line = text.replaceAll(/[\r\n]+/g, ' ')
      const memory = level === 'warning' ? warned : null
      if (memory?.has(line) === true || said.get(code) === line) return
      if (memory === null) said.set(code, line)
      else memory.add(line)
      out.stderr(`postern-connect: ${line}`)
      if (level !== 'info') waiting.push({ level, data: line })
    },
    flush(least) {
      const leastSeverity = severity.indexOf(least ?? 'debug')
      const isTaken = ({ level }: { level: string }) => severity.indexOf(level) >= leastSeverity
      for (const { level, data } of waiting.filter(isTaken)) {
        const params = { level, logger: 'postern-connect', data }
        out.client(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params }))
      }
      waiting = waiting.filter((message) => !isTaken(message))
    },
    recovered: () => said.clear(),
  }
}
