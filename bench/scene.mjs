import { startInstance } from './instance.mjs'
import { check } from './measure.mjs'
import { postRequest, toolsCall } from './mcp-request.mjs'
import { cpuMicrosBetween, cpuTimesOf, peakMemoryMiB } from './process-cost.mjs'
import { startGateway, startLoad, startUpstream } from './processes.mjs'
import { checkTrailRows } from './trail-rows.mjs'

const connections = 64
const smallCall = toolsCall('list_channels')

/**
 * Backend, gateway and load, each a process of its own, with two keys on a database of its own: one that may call all
 * tools, one only those whose names begin with `channel_`.
 *
 * What takes the load is `{ port, pids, names, outcome }`: its processes; whether it verifies the key and tells the
 * backend who calls; and the outcome of its rows in the trail, absent where it writes none.
 */
export async function setScene({ postgres, directory, name, execArgv, answerAfterMs }) {
  const cleanups = []
  const end = async () => {
    for (const step of cleanups.splice(0).toReversed()) await step()
  }
  try {
    const database = await postgres.createDatabase(name.replaceAll('-', '_'))
    const keys = await issueKeys({ database, directory, name: `${name}-keys` })
    const upstream = await startUpstream(answerAfterMs)
    cleanups.push(upstream.stop)
    const gateway = await startGateway({ name, upstreamPort: upstream.port, database, directory, execArgv })
    cleanups.push(gateway.stop)
    const load = await startLoad()
    cleanups.push(load.stop)
    return {
      database,
      keys,
      upstream: { port: upstream.port, pids: [] },
      gateway: { ...gateway, names: true, outcome: 'succeeded' },
      end,
      ...driver({ upstream, load, token: keys.all, database }),
    }
  } catch (error) {
    await end()
    throw error
  }
}

async function issueKeys(where) {
  const { postern, user } = await startInstance(where)
  const issue = async (grants) =>
    (await postern.keys.issue({ serviceUser: user.id, ...grants }, 'bench')).token
  const keys = { all: await issue({}), some: await issue({ tools: ['channel_*'] }) }
  await postern.close()
  return keys
}

function driver({ upstream, load, token: usualToken, database }) {
  /** How many rows of the trail there have to be, by outcome. */
  const calls = new Map()

  /** Opens connections, each of which has one answer, gives them to `work`, and checks what the backend saw meanwhile. */
  async function drive(contender, { call = smallCall, token = usualToken, leastBytes = 1 }, work) {
    const { port, names = false, outcome } = contender
    await upstream.seen()
    await load.open({ port, ...postRequest({ port, token, ...call }), connections })
    const ran = await work()
    await load.close()
    const { statuses, shortestBytes } = ran
    const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0)
    const total = requests + connections
    const seen = await upstream.seen()
    check(statuses[200] === requests, `statuses were ${JSON.stringify(statuses)}`)
    check(shortestBytes >= leastBytes, `an answer had ${shortestBytes} bytes in place of ${leastBytes}`)
    check(seen.requests === total, `the backend had ${seen.requests} of ${total} requests`)
    check(seen.bodyBytes === total * Buffer.byteLength(call.body), 'the backend had other bodies')
    check(seen.named === (names ? total : 0), `the backend was told of the caller ${seen.named} times`)
    if (outcome !== undefined) calls.set(outcome, (calls.get(outcome) ?? 0) + total)
    return ran
  }

  return {
    /** CPU per request over so many requests, each connection sending as soon as it has its answer. */
    measure(contender, requests, what = {}) {
      return drive(contender, what, async () => {
        const before = cpuTimesOf(contender.pids)
        const ran = await load.run(requests)
        const cpuMicros = cpuMicrosBetween(before, cpuTimesOf(contender.pids)) / requests
        const memoryMiB = peakMemoryMiB(contender.pids)
        return { ...ran, cpuMicros, memoryMiB, perSecond: requests / ran.seconds }
      })
    },

    /** Latencies of so many requests at a constant rate. */
    pace(contender, requests, perSecond) {
      return drive(contender, {}, () => load.pace(requests, perSecond))
    },

    /** The body of one answer. */
    async answerOf(contender, { call, token = usualToken }) {
      const headers = Object.fromEntries(call.more.map((line) => line.split(': ')))
      const response = await fetch(`http://127.0.0.1:${contender.port}/mcp`, {
        method: 'POST',
        headers: {
          ...headers,
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: call.body,
      })
      const text = await response.text()
      check(response.status === 200, `the status was ${response.status}`)
      const { outcome } = contender
      if (outcome !== undefined) calls.set(outcome, (calls.get(outcome) ?? 0) + 1)
      return text
    },

    async checkWrongKey({ port }) {
      const wrong = usualToken.slice(0, -1) + (usualToken.endsWith('0') ? '1' : '0')
      await upstream.seen()
      const { statuses } = await load.open({
        port,
        ...postRequest({ port, token: wrong, ...smallCall }),
        connections: 1,
      })
      await load.close()
      const { requests } = await upstream.seen()
      check(statuses[401] === 1 && requests === 0, 'a wrong key was not refused')
    },

    /** One row for each call, of each outcome. Ends of streams come a moment later: stop their gateway first. */
    async checkTrail() {
      for (const [outcome, count] of calls) await checkTrailRows(database, outcome, count)
    },
  }
}
