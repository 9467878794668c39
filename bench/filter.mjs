import { decideTool, noGrants } from '../dist/domain/grant.js'
import { filterLists } from '../dist/mcp/list-cuts.js'
import { authorize } from '../dist/verify/authorize.js'
import { check, figure, measure, ratio } from './measure.mjs'

const rounds = 9
const listsARound = 200
const callsARound = 200_000
const toolCount = 500

/** Filtering a list of 500 tools, against parsing it; and a call's grants, against none. In this process alone. */
export async function benchFilter() {
  const body = Buffer.from(JSON.stringify(reply()))
  const grants = { tools: ['forecast_*', 'list_*', 'plan_year', '!*_secret'], addresses: ['203.0.113.0/24'] }
  const mayAsk = (asked) => decideTool(grants, null, false, asked) === 'allowed'
  const parsed = JSON.parse(filterLists(body, { mayAsk, isModern: true }).bytes.toString())
  check(parsed.result.tools.length === toolCount / 2, `${parsed.result.tools.length} tools were left`)

  const results = { filter: [], parse: [], granted: [], plain: [] }
  for (let round = 0; round <= rounds; round++) {
    const measured = {
      filter: await repeated(listsARound, () => filterLists(body, { mayAsk, isModern: true })),
      parse: await repeated(listsARound, () => JSON.parse(body.toString())),
      granted: await calls(grants),
      plain: await calls(noGrants),
    }
    // The first one warms up.
    if (round > 0) for (const name of Object.keys(results)) results[name].push(measured[name])
  }
  const millis = (name) => results[name].map((each) => each.cpuMicros / 1000)
  const micros = (name) => results[name].map((each) => each.cpuMicros)
  const over = micros('granted').map((value, round) => value - micros('plain')[round])
  return [
    figure(`filter ${toolCount} tools, ${Math.round(body.length / 1024)} KiB`, 'CPU-ms', millis('filter'), {
      atMost: 1,
    }),
    figure('JSON.parse of the same', 'CPU-ms', millis('parse')),
    ratio('filter : JSON.parse', millis('filter'), millis('parse')),
    figure("a call's grants over none", 'CPU-µs', over, { atMost: 3 }),
  ]
}

function calls(grants) {
  const allowed = { credentialKind: 'service-key', grants }
  const messages = [{ kind: 'request', id: '1', method: 'tools/call', tool: null, target: 'forecast_budget' }]
  const use = { clientAddress: '203.0.113.9', of: { routeTools: null, messages } }
  const policy = { denyToolsByDefault: false }
  return repeated(callsARound, () => check(authorize(allowed, use, policy) === null, 'a call was refused'))
}

function repeated(count, work) {
  return measure(count, async () => {
    for (let done = 0; done < count; done++) work()
  })
}

function reply() {
  const tools = Array.from({ length: toolCount }, (_, at) => ({
    name: `${at % 2 === 0 ? 'forecast' : 'delete'}_tool_${at}`,
    title: `Tool ${at}`,
    description: 'Works on the budget over the channels given, with adstock and saturation fitted before.',
    inputSchema: {
      type: 'object',
      properties: {
        channel: { type: 'string', description: 'The channel' },
        weeks: { type: 'integer', minimum: 1, maximum: 52 },
      },
      required: ['channel', 'weeks'],
      additionalProperties: false,
    },
  }))
  const result = { resultType: 'complete', tools, nextCursor: 'p2', ttlMs: 3_600_000, cacheScope: 'public' }
  return { jsonrpc: '2.0', id: 1, result }
}
