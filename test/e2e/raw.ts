import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** A connection on which nothing is checked or completed for the sender. */
export interface RawConnection {
  socket: Socket
  send(bytes: string | Buffer): void
  /** Everything received so far, as latin1. */
  text(): string
  /** Resolves when this text has been received, or the connection is over; answers everything received. */
  until(text: string): Promise<string>
  /** Resolves when the server has closed its end. */
  closed: Promise<string>
  end(): void
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let received = ''
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const check of waiting) check()
  }
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
    wake()
  })
  // A server that refuses a body it won't read may reset the connection.
  socket.on('error', () => {})
  let over = false
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      over = true
      wake()
      resolve(received)
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    text: () => received,
    until: (text) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!received.includes(text) && !over) return
          waiting.delete(check)
          resolve(received)
        }
        waiting.add(check)
        check()
      }),
    closed,
    end: () => socket.destroy(),
  }
}

/** Sends bytes on a connection of their own; answers what came back once the server closed it. */
export async function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  const connection = await openRaw(port)
  connection.send(bytes)
  return connection.closed
}

export interface RawAnswer {
  status: number
  headers: Map<string, string>
  body: string
}

/** The first answer in what a connection received. Its body is everything after its head. */
export function readAnswer(text: string): RawAnswer {
  const headEnd = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, headEnd === -1 ? undefined : headEnd).split('\r\n')
  const headers = new Map(
    lines.map((line) => {
      const at = line.indexOf(':')
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const
    }),
  )
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0),
    headers,
    body: headEnd === -1 ? '' : text.slice(headEnd + 4),
  }
}

/** How many answers are in what a connection received. */
export function answersIn(text: string): number {
  return text.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0
}
