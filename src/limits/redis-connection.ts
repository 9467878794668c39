import { Redis } from 'ioredis'

/** How long a connection may take, in milliseconds. */
export const connectWaitMs = 2000
/** A Redis that doesn't answer by then is away, in milliseconds. */
const answerTimeoutMs = 500

/** A connection, once told to connect. It never waits with a command for a connection: a call is refused at once instead. */
export function connectionTo(url: string): Redis {
  return new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: answerTimeoutMs,
    connectTimeout: connectWaitMs,
    disableClientInfo: true,
    enableAutoPipelining: false,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1000),
  })
}
