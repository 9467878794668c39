const oldestVersion = 14

/** Throws for a server that is too old, by its `server_version_num`. */
export function refuseOldServer(versionNumber: number): void {
  if (versionNumber >= oldestVersion * 10_000) return
  const major = Math.floor(versionNumber / 10_000)
  throw new ServerTooOld(`the server is Postgres ${major}; Postern needs Postgres ${oldestVersion} or newer`)
}

/** The server is older than Postern's SQL. */
export class ServerTooOld extends Error {
  override readonly name = 'ServerTooOld'
  readonly code = 'server_too_old'
}

/**
 * The URL, if it is one of Postgres; else throws a `TypeError` that doesn't repeat it. `pg` would take a string of
 * another form for a database's name, and its errors would show it.
 */
export function checkedConnectionString(connectionString: string): string {
  const form = /^(?:postgres(?:ql)?|socket):\/\//
  if (form.test(connectionString) && URL.canParse(connectionString)) return connectionString
  throw new TypeError('the database must be a URL like postgres://user:password@host:5432/name')
}
