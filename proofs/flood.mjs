import { fileURLToPath } from 'node:url'
import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { openLink } from './stage/link.mjs'
import { query, startPostgres } from './stage/postgres.mjs'
import { quantile } from './stage/report.mjs'
import { answerOf, ask, nowMs, sleep } from './stage/stage.mjs'

const flooder = fileURLToPath(new URL('stage/children/flooder.mjs', import.meta.url))
/** In the short form fewer, which leaves room for whatever runs beside it. */
const badKeysPerSecond = { full: 20_000, short: 4000 }
const peers = 4
const callEveryMs = 10
/** By the settings' defaults 60 unknown keys a minute and peer; the rest is what was on its way before they count. */
const digestsPerMinute = peers * 60
const digestsAtFirst = 1100
/** Of each peer a hundred a second, and another hundred at once; and what came in one piece with the last of them. */
const badKeysReadPerSecond = 2 * peers * 100

export const flood = {
  title: 'a flood of bad keys: 20,000 a second in the full form, 4,000 in the short one (R14, T12)',
  limitSeconds: { short: 280, full: 600 },
  faults: [
    {
      name: 'unknown keys are not limited',
      breaks: 'unknown keys that the database was asked for',
      patches: [
        {
          file: 'verify/key-reader.js',
          line: 'const limit = address === undefined ? null : unknownKeys.refusal(name, address, underWay.size);',
          by: 'const limit = null;',
        },
      ],
    },
    {
      name: 'denials beyond ten a second are not counted',
      breaks: 'denials answered, not counted',
      patches: [{ file: 'audit/denial-gate.js', line: 'window.counted++;', by: ';' }],
    },
    {
      name: 'whoever floods is read on',
      breaks: 'bad keys read a second',
      patches: [{ file: 'gateway/brake.js', line: 'if (waitMs === 0)', by: 'if (waitMs >= 0)' }],
    },
  ],

  async run({ stage, report, isFull, patches }) {
    const offered = isFull ? badKeysPerSecond.full : badKeysPerSecond.short
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const keys = await admin.issueMany(50)
    const backend = await startBackend(stage)
    const link = await openLink(postgres.port)
    const gateway = await startGateway(stage, {
      name: 'node',
      backend,
      database: postgres.urlOf('proof', link.port),
      patches,
    })
    const client = createClient({ port: gateway.port, connections: 200 })

    /** Good keys at a steady rate, however slowly they are answered; answers what they met. */
    async function goodCalls(seconds) {
      const answers = []
      const from = nowMs()
      for (let number = 0; nowMs() < from + seconds * 1000; number++) {
        const { token } = keys[number % keys.length]
        const askedAt = nowMs()
        answers.push(
          client
            .call(callText(token, 'good'))
            .then(({ status, headAt }) => ({ status, tookMs: headAt - askedAt })),
        )
        await sleep(from + (number + 1) * callEveryMs - nowMs())
      }
      return await Promise.all(answers)
    }

    const seconds = isFull ? 60 : 6
    await goodCalls(2)
    const cpuAtStart = await gateway.cpuMicros()
    const before = await goodCalls(seconds)
    const cpuOfGood = ((await gateway.cpuMicros()) - cpuAtStart) / before.length
    const digestsBefore = link.digests()
    const { child } = stage.start(flooder, [gateway.port, offered, peers].map(String), {
      name: 'flooder',
    })
    await answerOf(child, 'ready')
    const from = nowMs()
    const cpuBefore = await gateway.cpuMicros()
    // The first second is no steady state.
    const during = await goodCalls(seconds + 1)
    const lasted = (nowMs() - from) / 1000
    const answered = countOf((await ask(child, { counts: true }, 'counts')).statuses)
    const { sent, statuses } = await ask(child, { stop: true }, 'stopped')
    const cpuOfFlood = (await gateway.cpuMicros()) - cpuBefore - cpuOfGood * during.length
    const digests = link.digests() - digestsBefore
    const after = await goodCalls(1)
    client.close()
    const code = await gateway.end('SIGTERM')

    const [{ denied }] = await query(
      database,
      `SELECT coalesce(sum(count), 0)::integer AS denied FROM postern.trail WHERE outcome = 'denied'`,
    )
    const [{ rows }] = await query(
      database,
      `SELECT count(*)::integer AS rows FROM postern.trail WHERE outcome = 'denied'`,
    )
    const refused = [...before, ...during, ...after].filter(({ status }) => status !== 200).length
    const badAccepted = Object.entries(statuses).filter(([status]) => Number(status) < 400)
    const p99Before = quantile(tookOf(before), 0.99)
    const p99During = quantile(tookOf(during.slice(1000 / callEveryMs)), 0.99)
    report.note('bad keys offered a second', offered)
    report.note('bad keys taken', sent)
    report.atMost('bad keys read a second', Math.round(answered / lasted), badKeysReadPerSecond)
    for (const [status, count] of Object.entries(statuses))
      report.note(`bad keys answered by ${status}`, count)
    report.none('bad keys accepted', badAccepted.length)
    report.atMost(
      'unknown keys that the database was asked for',
      digests,
      digestsAtFirst + digestsPerMinute * Math.ceil(1 + lasted / 60),
    )
    report.atLeast('good calls before and meanwhile', before.length + during.length, seconds * 100)
    report.none('good calls refused or lost', refused)
    report.none('denials answered, not counted in the trail', sent - denied)
    report.atMost('rows that they take in the trail', rows, Math.round(lasted + 2) * peers * 4 * 11)
    report.none('exit code at the end', code)
    report.note('CPU time of the gateway for a bad key', cpuOfFlood / sent, 'µs')
    report.note('good calls before, p50', quantile(tookOf(before), 0.5), 'ms')
    report.note('good calls before, p99', p99Before, 'ms')
    report.note('good calls meanwhile, p50', quantile(tookOf(during), 0.5), 'ms')
    report.time('good calls meanwhile, p99', p99During, 'ms', Number((2 * p99Before).toFixed(1)))
    link.close()
    await admin.close()
  },
}

function countOf(statuses) {
  return Object.values(statuses).reduce((sum, count) => sum + count, 0)
}

function tookOf(answers) {
  return answers.map(({ tookMs }) => tookMs)
}
