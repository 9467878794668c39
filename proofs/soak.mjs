import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { startPostgres } from './stage/postgres.mjs'
import { quantile } from './stage/report.mjs'
import { nowMs, sleep } from './stage/stage.mjs'

const callers = 12
const miB = 1024 * 1024
/** What the heap may differ by between two collections of a node that does nothing else, in MiB. */
const heapNoiseMiB = 6
const descriptorNoise = 12

export const soak = {
  title: 'mixed load with revocations, rotations and reconnects (R13)',
  limitSeconds: { short: 280, full: 900 },
  faults: [
    {
      name: 'each exchange is kept',
      breaks: 'heap after a collection',
      patches: [
        {
          file: 'gateway/exchange.js',
          line: 'this.forwarding = forwarding;',
          by: 'this.forwarding = forwarding; (globalThis.kept ??= []).push(this, Buffer.alloc(16_384).toString());',
        },
      ],
    },
    {
      name: 'a descriptor is left open by each refusal',
      breaks: 'open descriptors',
      patches: [
        {
          file: 'gateway/exchange.js',
          line: 'this.forwarding = forwarding;',
          by: `this.forwarding = forwarding;
               if (Math.random() < 0.5) process.getBuiltinModule('node:fs').openSync('/dev/null');`,
        },
      ],
    },
    {
      name: 'a promise is rejected and nobody looks',
      breaks: 'unhandled rejections',
      patches: [
        {
          file: 'gateway/exchange.js',
          line: 'this.forwarding = forwarding;',
          by: "this.forwarding = forwarding; void Promise.reject(new Error('planted'));",
        },
      ],
    },
  ],

  async run({ stage, report, isFull, patches }) {
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const backend = await startBackend(stage, { variety: 'various' })
    const gateway = await startGateway(stage, {
      name: 'node',
      backend,
      database,
      patches,
      execArgv: ['--expose-gc'],
    })
    const client = createClient({ port: gateway.port, connections: callers })
    let keys = await admin.issueMany(20)
    const counts = { accepted: 0, refused: 0, unavailable: 0, lost: 0, revoked: 0, rotated: 0, reconnects: 0 }
    const unknownStart = 'pst_'
    let isOver = false

    const load = Array.from({ length: callers }, async (_, caller) => {
      while (!isOver) {
        const number = Math.floor(Math.random() * keys.length)
        // One in ten has no key that anybody knows.
        const token = Math.random() < 0.1 ? `${unknownStart}${'0'.repeat(49)}` : keys[number].token
        const { status } = await client.call(callText(token, `soak-${caller}`))
        if (status === 200) counts.accepted++
        else if (status === 0) counts.lost++
        else if (status >= 500) counts.unavailable++
        else counts.refused++
        await sleep(2)
      }
    })
    const changes = (async () => {
      while (!isOver) {
        await sleep(150)
        const at = Math.floor(Math.random() * keys.length)
        if (Math.random() < 0.5) {
          const doomed = keys[at]
          keys = keys.with(at, await admin.issue())
          await admin.revoke(doomed)
          counts.revoked++
        } else {
          keys = keys.with(at, await admin.rotate(keys[at]))
          counts.rotated++
        }
        if (Math.random() < 0.2) {
          client.reconnect()
          counts.reconnects++
        }
      }
    })()

    // Caches and pools fill first; of what comes then, the first third is held against the last.
    const seconds = isFull ? 600 : patches.length > 0 ? 8 : 20
    await sleep(isFull ? 60_000 : patches.length > 0 ? 2000 : 5000)
    const samples = []
    const from = nowMs()
    while (nowMs() < from + seconds * 1000) {
      samples.push(await gateway.health())
      await sleep(isFull ? 5000 : 500)
    }
    isOver = true
    await Promise.all([...load, changes])
    const last = await gateway.health()
    client.close()
    const code = await gateway.end('SIGTERM')

    const third = Math.max(1, Math.floor(samples.length / 3))
    const growth = (of) => median(samples.slice(-third).map(of)) - median(samples.slice(0, third).map(of))
    for (const [name, count] of Object.entries(counts)) report.note(name, count)
    report.atLeast('calls accepted', counts.accepted, seconds * 50)
    report.note('heap after a collection, at the end', last.heapUsed / miB, 'MiB')
    report.atMost(
      'heap after a collection, growth',
      growth(({ heapUsed }) => heapUsed) / miB,
      heapNoiseMiB,
      'MiB',
    )
    report.note('resident memory, at the end', last.rss / miB, 'MiB')
    report.note('resident memory, growth', growth(({ rss }) => rss) / miB, 'MiB')
    report.note('open descriptors, at the end', last.descriptors)
    report.atMost(
      'open descriptors, growth',
      growth(({ descriptors }) => descriptors),
      descriptorNoise,
    )
    report.none('unhandled rejections', last.rejections)
    report.none('warnings of the runtime', last.warnings)
    report.none('answers by 5xx', counts.unavailable)
    report.none('exit code at the end', code)
    await admin.close()
  },
}

const median = (numbers) => quantile(numbers, 0.5)
