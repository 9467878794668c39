import { connect, createServer } from 'node:net'

/** One dimension, no NULL, of type bytea: how an array of digests begins in Postgres' binary form. */
const bytesArrayHead = Buffer.from('000000010000000000000011', 'hex')

/**
 * A TCP proxy on loopback whose link can be cut, stalled and slowed: connections that are there and those that come.
 * Stalled, it still takes connections and says nothing; slowed, bytes arrive so many milliseconds later, in order.
 */
export async function openLink(targetPort) {
  const pairs = new Set()
  let isCut = false
  let isStalled = false
  let delayMs = { toServer: 0, toClient: 0 }

  let digests = 0
  /** Counts the items of what goes to the server as an array of bytes: the digests of lookups, and nothing else. */
  function countDigests(chunk) {
    for (let at = chunk.indexOf(bytesArrayHead); at !== -1; at = chunk.indexOf(bytesArrayHead, at + 1))
      if (at + 16 <= chunk.length) digests += chunk.readInt32BE(at + 12)
  }

  const server = createServer((client) => {
    if (isCut) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const ways = [way(client, upstream, 'toServer'), way(upstream, client, 'toClient')]
    const pair = { client, upstream, ways }
    pairs.add(pair)
    const drop = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', drop).on('close', drop)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))

  /** Passes chunks on, each at its time; what is due waits while the link is stalled. */
  function way(from, to, direction) {
    const waiting = []
    let timer = null
    function flush() {
      timer = null
      while (waiting.length > 0 && !isStalled) {
        const inMs = waiting[0].dueAt - performance.now()
        if (inMs > 0.5) {
          timer = setTimeout(flush, inMs)
          return
        }
        to.write(waiting.shift().chunk)
      }
    }
    from.on('data', (chunk) => {
      if (direction === 'toServer') countDigests(chunk)
      if (!isStalled && waiting.length === 0 && delayMs[direction] === 0) {
        to.write(chunk)
        return
      }
      waiting.push({ chunk, dueAt: performance.now() + delayMs[direction] })
      if (timer === null) flush()
    })
    return { flush }
  }

  return {
    port: server.address().port,
    /** The ports from which the server sees those who come through this link. */
    ports: () => [...pairs].map(({ upstream }) => upstream.localPort),
    /** How many digests of keys the database was asked for through this link. */
    digests: () => digests,
    cut() {
      isCut = true
      for (const { client, upstream } of pairs) {
        client.resetAndDestroy()
        upstream.destroy()
      }
    },
    stall() {
      isStalled = true
    },
    slow(toServer, toClient) {
      delayMs = { toServer, toClient }
    },
    /** As at the start. */
    heal() {
      isCut = false
      isStalled = false
      delayMs = { toServer: 0, toClient: 0 }
      for (const { ways } of pairs) for (const { flush } of ways) flush()
    },
    close() {
      server.close()
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
    },
  }
}
