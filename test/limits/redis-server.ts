import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../free-port.ts'

/** A real Redis of a test's own, in memory only. */
export interface RedisServer {
  url: string
  kill(): Promise<void>
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>
  /** Lets it hang, and go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
}

export async function startRedis(options: { password?: string } = {}): Promise<RedisServer> {
  const port = await freePort()
  const { password } = options
  let server = await start()

  async function start(): Promise<ChildProcess> {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const secret = password === undefined ? [] : ['--requirepass', password]
    const child = spawn('redis-server', [...args, ...secret], { stdio: 'ignore' })
    for (let attempt = 0; attempt < 200; attempt++) {
      if (await accepts(port)) return child
      await setTimeout(25)
    }
    throw new Error('redis-server did not start')
  }

  const redis: RedisServer = {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    async kill() {
      if (server.exitCode !== null || server.signalCode !== null) return
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
    async restart() {
      await redis.kill()
      server = await start()
    },
    signal: (name) => void server.kill(name),
  }
  return redis
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
