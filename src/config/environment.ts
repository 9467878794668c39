import { parsePort } from './values.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the environment says of ports; null where it says nothing. */
export interface Ports {
  gateway: number | null
  admin: number | null
}

/** Lays the environment over the input; `names` maps a setting to the variable that it came from. */
export function withEnvironment(input: unknown, env: Environment) {
  const problems: string[] = []
  const names = new Map<string, string>()
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  const merged: unknown = isObject ? { ...input } : input
  for (const [variable, setting] of [
    ['DATABASE_URL', 'database'],
    ['POSTERN_DATA', 'data'],
    ['POSTERN_LISTEN', 'listen'],
    ['POSTERN_SIGNING_KEY', 'signingKey'],
  ] as const) {
    const value = env[variable]
    // An empty variable is how shells and compose files say "not set".
    if (value === undefined || value === '' || !isObject) continue
    names.set(setting, variable)
    Object.assign(merged as object, { [setting]: value })
  }
  const secret = env['POSTERN_ADMIN_SECRET']
  if (secret !== undefined && secret !== '' && isObject) {
    const admin: unknown = Reflect.get(merged as object, 'admin') ?? {}
    names.set('admin.secret', 'POSTERN_ADMIN_SECRET')
    // A group that isn't one stays as it is, and is refused.
    if (typeof admin === 'object' && !Array.isArray(admin))
      Object.assign(merged as object, { admin: { ...admin, secret } })
  }
  const checkpointKey = env['POSTERN_CHECKPOINT_KEY']
  if (checkpointKey !== undefined && checkpointKey !== '' && isObject) {
    const trail: unknown = Reflect.get(merged as object, 'trail') ?? {}
    names.set('trail.checkpointKey', 'POSTERN_CHECKPOINT_KEY')
    if (typeof trail === 'object' && !Array.isArray(trail))
      Object.assign(merged as object, { trail: { ...trail, checkpointKey } })
  }
  const redis = env['POSTERN_REDIS_URL']
  if (redis !== undefined && redis !== '' && isObject) {
    const limits: unknown = Reflect.get(merged as object, 'limits') ?? {}
    names.set('limits.redis', 'POSTERN_REDIS_URL')
    if (typeof limits === 'object' && !Array.isArray(limits))
      Object.assign(merged as object, { limits: { ...limits, redis } })
  }
  const port = (variable: string) => {
    const value = env[variable]
    if (value === undefined || value === '') return null
    const number = parsePort(value)
    if (number === null) problems.push(`${variable} is ${JSON.stringify(value)}: must be a port, 0 to 65535`)
    return number
  }
  const ports: Ports = { gateway: port('POSTERN_PORT'), admin: port('POSTERN_ADMIN_PORT') }
  return { merged, names, ports, problems }
}
