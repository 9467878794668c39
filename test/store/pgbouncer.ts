import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../free-port.ts'

/** A real PgBouncer in transaction mode in front of a server's databases. */
export interface PgBouncer {
  /** The same database, through it. */
  through(connectionString: string): string
  stop(): Promise<void>
}

/**
 * Few connections to the server, and the one that was idle longest is used next: statements of one client come by many
 * of them, and a connection has the statements of many clients.
 */
export async function startPgBouncer(server: string, settings: readonly string[] = []): Promise<PgBouncer> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'postern-pgbouncer-'))
  const { hostname, port: serverPort, username, password } = new URL(server)
  const config = `
    [databases]
    * = host=${hostname} port=${serverPort}
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = ${port}
    unix_socket_dir =
    auth_type = plain
    auth_file = ${directory}/users
    pool_mode = transaction
    default_pool_size = 3
    max_client_conn = 200
    server_round_robin = 1
    ${settings.join('\n    ')}
  `
  await writeFile(join(directory, 'config'), config.replaceAll(/^ +/gm, ''))
  await writeFile(join(directory, 'users'), `"${username}" "${password}"\n`)
  // It refuses to run as root, and whom it runs as must be able to read these.
  await chmod(directory, 0o755)
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', ['-q', ...asUser, join(directory, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const ended = once(child, 'exit')
  await Promise.race([
    untilListening(port),
    ended.then(() => Promise.reject(new Error(`pgbouncer ended: ${said}`))),
  ])
  return {
    through(connectionString) {
      const url = new URL(connectionString)
      url.port = String(port)
      return url.href
    },
    async stop() {
      child.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    await setTimeout(20)
  }
}
