import { checkTrail, issueKey } from './instance.mjs'
import { check, figure, ratio } from './measure.mjs'
import { startBareProxy, startGateway, startLoad, startUpstream } from './processes.mjs'

const rounds = 9
const requestsARound = 8_000
const warmUpRequests = 30_000
const connections = 64

/** CPU per request of the proxy's process: the gateway with all on against a bare undici proxy. */
export async function benchGateway({ postgres, directory }) {
  const scene = await setScene({ postgres, directory, name: 'gateway' })
  try {
    const contenders = {
      piped: { ...(await scene.startBare('piped')), isNamed: false },
      whole: { ...(await scene.startBare('whole')), isNamed: false },
      allOn: { ...scene.gateway, isNamed: true },
    }
    const results = { piped: [], whole: [], allOn: [] }
    await scene.checkWrongKey()
    for (let round = 0; round <= rounds; round++) {
      for (const [name, contender] of Object.entries(contenders)) {
        const measured = await scene.load(contender, round === 0 ? warmUpRequests : requestsARound)
        if (round > 0) results[name].push(measured)
      }
    }
    await scene.checkTrail()
    const micros = (name) => results[name].map((each) => each.cpuMicros)
    const rates = (name) => results[name].map((each) => each.perSecond)
    return [
      figure('bare undici proxy', 'CPU-µs', micros('piped')),
      figure('bare undici proxy, body read whole', 'CPU-µs', micros('whole')),
      figure('gateway, all on', 'CPU-µs', micros('allOn')),
      ratio('gateway, all on : bare undici proxy', micros('allOn'), micros('piped'), { atMost: 1.75 }),
      ratio('gateway, all on : bare, body read whole', micros('allOn'), micros('whole')),
      figure('bare undici proxy', 'requests/s', rates('piped')),
      figure('gateway, all on', 'requests/s', rates('allOn')),
    ]
  } finally {
    await scene.end()
  }
}

/** Backend, gateway and load, each a process of its own, with a key on a database of its own. */
export async function setScene({ postgres, directory, name, execArgv }) {
  const cleanups = []
  const end = async () => {
    for (const step of cleanups.splice(0).toReversed()) await step()
  }
  try {
    const database = await postgres.createDatabase(name)
    const token = await issueKey({ database, directory, name: `${name}-keys` })
    const upstream = await startUpstream()
    cleanups.push(upstream.stop)
    const gateway = await startGateway({ upstreamPort: upstream.port, database, directory, execArgv })
    cleanups.push(gateway.stop)
    const load = await startLoad()
    cleanups.push(load.stop)
    const drive = driver({ upstream, load, token })
    return {
      gateway,
      end,
      async startBare(form) {
        const bare = await startBareProxy(upstream.port, form)
        cleanups.push(bare.stop)
        return bare
      },
      load: drive.measure,
      checkWrongKey: () => drive.checkWrongKey(gateway.port),
      checkTrail: () => checkTrail(database, drive.named(), ['succeeded']),
    }
  } catch (error) {
    await end()
    throw error
  }
}

function driver({ upstream, load, token }) {
  let named = 0

  return {
    named: () => named,

    /** CPU per request over so many requests, after each connection has had one answer. */
    async measure({ port, cpuMicros, isNamed }, requests) {
      await upstream.seen()
      await load.open({ port, ...request(port, token), connections })
      const before = await cpuMicros()
      const { statuses, seconds } = await load.run(requests)
      const after = await cpuMicros()
      await load.close()
      const total = requests + connections
      const seen = await upstream.seen()
      check(statuses[200] === requests, `statuses were ${JSON.stringify(statuses)}`)
      check(seen.requests === total, `the backend had ${seen.requests} of ${total} requests`)
      check(seen.bodyBytes === total * Buffer.byteLength(body), 'the backend had other bodies')
      check(seen.named === (isNamed ? total : 0), `the backend was told of the caller ${seen.named} times`)
      if (isNamed) named += total
      return { cpuMicros: (after - before) / requests, perSecond: requests / seconds }
    },

    async checkWrongKey(port) {
      const wrong = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')
      const { statuses } = await load.open({ port, ...request(port, wrong), connections: 1 })
      await load.close()
      const { requests } = await upstream.seen()
      check(statuses[401] === 1 && requests === 0, 'a wrong key was not refused')
    },
  }
}

const revision = '2026-07-28'

/** A `tools/call` of 300 bytes, as a client of the current revision sends it. */
const body = padded(300, (text) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'list_channels',
    arguments: { text },
    _meta: { 'io.modelcontextprotocol/protocolVersion': revision },
  },
}))

function padded(bytes, message) {
  return JSON.stringify(message('x'.repeat(bytes - JSON.stringify(message('')).length)))
}

function request(port, token) {
  const head = [
    'POST /mcp HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    'user-agent: postern-bench/1.0',
    `mcp-protocol-version: ${revision}`,
    'mcp-method: tools/call',
    'mcp-name: list_channels',
    `content-length: ${Buffer.byteLength(body)}`,
  ].join('\r\n')
  return { head, body }
}
