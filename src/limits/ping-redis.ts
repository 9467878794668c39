import { connectionTo, connectWaitMs } from './redis-connection.ts'

/** Whether a Redis answers, and if not why. The message has no secret. */
export async function pingRedis(url: string): Promise<string | null> {
  const redis = connectionTo(url)
  let failure: Error | null = null
  redis.on('error', (error: Error) => {
    failure ??= error
  })
  try {
    await Promise.race([redis.connect(), afterwards(connectWaitMs)])
    await redis.ping()
    return null
  } catch (error) {
    return (failure ?? (error as Error)).message
  } finally {
    redis.disconnect()
  }
}

function afterwards(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms).unref()
  })
}
