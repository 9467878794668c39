import type { OnReadOpts, Socket } from 'node:net'
import { connect, isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import type { Connection, ResponseSink } from './connection.ts'
import { createConnection } from './connection.ts'
import { UpstreamFailure } from './failure.ts'
import type { UpstreamRequest } from './request-head.ts'

/** The connections to one backend. */
export interface Connections {
  /** Sends a request on a connection of its own for as long as it lasts. */
  dispatch(request: UpstreamRequest, sink: ResponseSink): void
  /** Ends all, calls under way included. Resolves when they are closed. */
  destroy(): Promise<void>
}

type OnRead = (count: number, buffer: Buffer) => boolean

const readBytes = 64 * 1024
/**
 * Read into by all plain connections: the bytes are parsed, and what is kept of them copied, before the next
 * read. A Buffer for each read was a tenth of the client's time.
 */
const sharedBuffer = Buffer.allocUnsafeSlow(readBytes)

/**
 * As many as there are calls at once, since an open stream holds one and a limit would let streams starve calls;
 * the one used last is used first, so that the others may go.
 *
 * Before one is used again the event loop has polled it once more: what the backend sent unasked, or its end of
 * the connection, is seen then, and the request goes out on another. It was not sent yet, so this is no repeat.
 */
export function createConnections(origin: string): Connections {
  const open = opener(new URL(origin))
  const all = new Set<Connection>()
  const idle: Connection[] = []
  let waiting: { request: UpstreamRequest; sink: ResponseSink }[] = []
  let isStopped = false
  let onEmpty: (() => void) | null = null

  function add(): Connection {
    const connection: Connection = createConnection(open.socket, open.readyEvent, {
      onIdle: () => void idle.push(connection),
      onClosed() {
        all.delete(connection)
        const at = idle.indexOf(connection)
        if (at !== -1) idle.splice(at, 1)
        if (all.size === 0) onEmpty?.()
      },
    })
    all.add(connection)
    return connection
  }

  function take(): Connection {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.isOpen()) return connection
    }
    return add()
  }

  function flush(): void {
    const ready = waiting
    waiting = []
    for (const { request, sink } of ready) {
      if (isStopped) sink.onError(stopped())
      else take().send(request, sink)
    }
  }

  return {
    dispatch(request, sink) {
      if (isStopped) sink.onError(stopped())
      else if (idle.length === 0) add().send(request, sink)
      else {
        waiting.push({ request, sink })
        if (waiting.length === 1) setImmediate(flush)
      }
    },
    destroy: () =>
      new Promise((resolve) => {
        isStopped = true
        onEmpty = resolve
        if (all.size === 0) resolve()
        for (const connection of all) connection.destroy(stopped())
      }),
  }
}

function stopped(): UpstreamFailure {
  return new UpstreamFailure(null, 'this node stops')
}

function opener({ protocol, hostname, port }: URL) {
  // An address of IPv6 stands in brackets in a URL.
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  if (protocol !== 'https:') {
    const to = { host, port: Number(port || 80) }
    const socket = (callback: OnRead): Socket =>
      tuned(connect({ ...to, onread: onreadOf(sharedBuffer, callback) }))
    return { socket, readyEvent: 'connect' } as const
  }

  let session: Buffer | undefined
  const socket = (callback: OnRead): Socket => {
    // Documented, and unknown to the types: `onread`.
    const options: ConnectionOptions & { onread: OnReadOpts } = {
      host,
      port: Number(port || 443),
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
      // Of its own: what TLS has decrypted may come while another connection is read.
      onread: onreadOf(Buffer.allocUnsafeSlow(readBytes / 4), callback),
    }
    const opened = connectTls(options)
    opened.on('session', (next) => {
      session = next
    })
    return tuned(opened)
  }
  return { socket, readyEvent: 'secureConnect' } as const
}

function tuned(socket: Socket): Socket {
  return socket.setNoDelay(true).setKeepAlive(true, 60_000)
}

function onreadOf(buffer: Buffer, callback: OnRead): OnReadOpts {
  return { buffer, callback: (count: number) => callback(count, buffer) }
}
