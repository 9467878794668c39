import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { peerOf } from '../domain/peer.ts'
import type { Clock } from '../domain/ports.ts'

/** Keeps the event loop for those who have a key, while others try keys (R14). */
export interface Brake {
  /** This connection has brought a good credential: it is never held up, as others may share it. */
  vouch(socket: Socket): void
  /** A request on it is being refused for its credential: what comes next may not be read for a while. */
  refused(socket: Socket, response: ServerResponse): void
}

/** Refused requests a second that are read of a peer, and at once after a quiet second. */
const perSecond = 100
const windowMs = 1000
/** No connection is held up for longer, in milliseconds. */
const longestMs = 10_000
/** Beyond so many peers it is a flood from everywhere: they share what is left. */
const mostPeers = 10_000

/**
 * A refusal costs this process some 40 µs, so a peer with enough connections could take all of it. Each refused request
 * puts its peer (see `peerOf`) further into debt, and the connection that brought it is read again once that is paid:
 * what a flood sends meanwhile waits in the kernel, and then with the sender. Other connections of the same peer, such as
 * a colleague's behind the same address, are read as before, and so are those of a trusted proxy.
 */
export function createBrake(options: {
  clock: Pick<Clock, 'monotonic'>
  isTrustedPeer: (address: string) => boolean
}): Brake {
  const { clock, isTrustedPeer } = options
  const vouched = new WeakSet<Socket>()
  /** When each peer's debt is paid, by the monotonic clock. */
  const paidAt = new Map<string, number>()
  /** When each connection that isn't read at present is read again. */
  const heldUntil = new WeakMap<Socket, number>()
  /** Those that have a timer. */
  const waiting = new WeakSet<Socket>()
  let sweptAt = -Infinity

  /** Forgets whoever owes nothing, at most once a window: a look at all of them is not for each request of a flood. */
  function sweep(now: number): void {
    if (paidAt.size < mostPeers || now < sweptAt + windowMs) return
    sweptAt = now
    for (const [peer, at] of paidAt) if (at <= now) paidAt.delete(peer)
  }

  /** How long the peer has to wait after one more refusal, in milliseconds; 0 where it hasn't. */
  function charge(peer: string): number {
    const now = clock.monotonic()
    sweep(now)
    const charged = paidAt.size < mostPeers || paidAt.has(peer) ? peer : 'others'
    const debtMs = Math.max(0, (paidAt.get(charged) ?? 0) - now) + 1000 / perSecond
    paidAt.set(charged, now + Math.min(debtMs, windowMs + longestMs))
    return Math.min(Math.max(0, debtMs - windowMs), longestMs)
  }

  function hold(socket: Socket): void {
    socket.pause()
    if (!waiting.has(socket)) release(socket)
  }

  /** Reads on, or looks again later: a timer may be early by as much as a turn of the event loop takes. */
  function release(socket: Socket): void {
    const leftMs = (heldUntil.get(socket) ?? 0) - clock.monotonic()
    if (leftMs > 0 && !socket.destroyed) {
      waiting.add(socket)
      setTimeout(release, Math.ceil(leftMs), socket).unref()
      return
    }
    waiting.delete(socket)
    heldUntil.delete(socket)
    socket.resume()
  }

  return {
    vouch(socket) {
      if (!vouched.has(socket)) vouched.add(socket)
    },
    refused(socket, response) {
      const address = socket.remoteAddress ?? ''
      if (vouched.has(socket) || isTrustedPeer(address)) return
      const waitMs = charge(peerOf(address))
      if (waitMs === 0) return
      heldUntil.set(socket, clock.monotonic() + waitMs)
      // Not before: Node reads on when a response is done with.
      response.once('close', () => setImmediate(hold, socket))
    },
  }
}
