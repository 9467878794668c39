import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config.ts'

/** Postern can't be opened where the app runs. The message says why, and what to do. */
export class PlaceRefused extends Error {
  override readonly name = 'PlaceRefused'
  readonly code: 'build_phase' | 'edge_runtime' | 'embedded_on_serverless'
  constructor(code: PlaceRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** What the platforms set on which a process and its disk live for a moment only. */
const serverlessVariables = [
  'VERCEL',
  'AWS_LAMBDA_FUNCTION_NAME',
  'NETLIFY',
  'K_SERVICE',
  'FUNCTIONS_WORKER_RUNTIME',
] as const

/** Whether Next is building the app rather than running it. */
export function isBuildPhase(env: Environment): boolean {
  return env['NEXT_PHASE'] === 'phase-production-build'
}

/** The settings as they hold in this place, right before something is opened. Throws {@link PlaceRefused}. */
export function settle(config: Config, env: Environment): Config {
  if (isBuildPhase(env))
    throw new PlaceRefused(
      'build_phase',
      "a page that Next makes at build time asks who calls, and then there is no caller: make it dynamic (export const dynamic = 'force-dynamic')",
    )
  if (env['NEXT_RUNTIME'] === 'edge')
    throw new PlaceRefused(
      'edge_runtime',
      "Postern needs the Node.js runtime: leave out export const runtime = 'edge'",
    )
  const variable = serverlessVariables.find((name) => env[name] !== undefined && env[name] !== '')
  if (variable === undefined) return config
  if (config.database === null)
    throw new PlaceRefused(
      'embedded_on_serverless',
      `${variable} is set, so this is serverless: each instance would have an embedded database of its own, which is gone with it, and keys and trail too. Set DATABASE_URL to a Postgres`,
    )
  // There the app's own directory can't be written; what the spool holds lives as long as the instance.
  return env['POSTERN_DATA'] ? config : { ...config, dataDir: join(tmpdir(), 'postern') }
}
