import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { startPostgres, withClient } from './stage/postgres.mjs'
import { nowMs, sleep } from './stage/stage.mjs'

const callers = 24

/** The intent is not written to the spool before the call goes on. */
const noIntent = {
  file: 'audit/spool.js',
  line: 'write(segment, bytes);',
  by: 'if (!lines.every(({ call }) => call?.outcome === null)) write(segment, bytes);',
}

export const crash = {
  title: 'kill -9 under load, on Postgres and on the embedded database (R3)',
  limitSeconds: { short: 280, full: 3600 },
  faults: [
    {
      name: 'no intent in the spool before the dispatch',
      breaks: 'Postgres: received by the backend',
      scenes: ['Postgres'],
      patches: [noIntent],
    },
    {
      name: 'no intent, and the answer before the commit',
      breaks: 'Postgres: answered',
      scenes: ['Postgres'],
      patches: [
        noIntent,
        {
          file: 'gateway/exchange.js',
          line: 'this.begun.finish(end).then((isSafe) => this.sendRecorded(isSafe, end), (error) => this.fail(error));',
          by: '{ setTimeout(() => void this.begun.finish(end).catch(() => {}), 50); this.sendRecorded(true, end); }',
        },
      ],
    },
    {
      name: 'replayed rows get an id of their own',
      breaks: 'Postgres: in the trail twice',
      scenes: ['Postgres'],
      patches: [
        {
          file: 'audit/replay.js',
          line: 'const calls = left.calls.filter(({ id }) => !seen.has(id));',
          by: `const calls = left.calls.map((call) => ({ ...call, id: call.id.slice(0, -4) + 'ffff' }));`,
        },
      ],
    },
  ],

  async run({ stage, report, isFull, patches, isScene }) {
    let answered = 0
    for (const engine of ['Postgres', 'embedded']) {
      if (!isScene(engine)) continue
      const kills = isFull ? 100 : patches.length > 0 ? 2 : 3
      const callsBetween = isFull ? 5200 : 800
      answered += await killUnderLoad({ stage, report, engine, kills, callsBetween, patches })
    }
    if (isFull) report.atLeast('calls answered, in all', answered, 1_000_000)
  },
}

async function killUnderLoad({ stage, report, engine, kills, callsBetween, patches }) {
  const backend = await startBackend(stage, { name: `backend-${engine}`, variety: 'various' })
  const isEmbedded = engine === 'embedded'
  const dataDir = join(stage.directory, `data-${engine}`)
  const database = isEmbedded ? null : await (await startPostgres(stage)).createDatabase('proof')
  const admin = await openInstance(stage, {
    database,
    ...(isEmbedded ? { dataDir } : {}),
  })
  const key = await admin.issue()
  await admin.close()
  const start = () =>
    startGateway(stage, {
      name: engine,
      backend,
      database,
      dataDir,
      patches,
    })

  let gateway = await start()
  let client = createClient({ port: gateway.port, connections: callers })
  let isOver = false
  let isDown = false
  let sent = 0
  let answeredCount = 0
  let failures = 0
  const answered = []
  const load = Array.from({ length: callers }, async () => {
    while (!isOver) {
      if (isDown) {
        await sleep(5)
        continue
      }
      const number = ++sent
      const { status } = await client.call(callText(key.token, `c${number}`))
      // The head alone: its row has to be there from then on.
      if (status === 200) {
        answered.push(number)
        answeredCount++
      } else if (status !== 0) failures++
    }
  })
  const untilAnswered = async (count) => {
    const goal = answeredCount + count
    const deadline = nowMs() + 60_000
    while (answeredCount < goal) {
      if (nowMs() > deadline) throw new Error(`${engine}: ${answeredCount} of ${goal} calls after 60 s`)
      await sleep(5)
    }
  }

  const startMs = []
  for (let kill = 0; kill < kills; kill++) {
    await untilAnswered(Math.round(callsBetween * (0.7 + Math.random() * 0.6)))
    isDown = true
    await gateway.end('SIGKILL')
    client.close()
    const from = nowMs()
    gateway = await start()
    startMs.push(nowMs() - from)
    client = createClient({ port: gateway.port, connections: callers })
    isDown = false
  }
  await untilAnswered(callsBetween)
  isOver = true
  await Promise.all(load)
  client.close()
  const code = await gateway.end('SIGTERM')
  const isCorrupt = gateway.log().includes('corrupt')

  const times = new Uint8Array(sent + 1)
  let strange = 0
  const tally = (tool) => {
    const number = Number(/^c([0-9]+)$/.exec(tool)?.[1])
    if (number <= sent) times[number]++
    else strange++
  }
  const gaps = await readTrail({ database, dataDir }, tally)
  const received = new Uint8Array(sent + 1)
  for (const { name } of backend.received()) received[Number(name.slice(1))]++
  await backend.stop()

  report.note(`${engine}: kills`, kills)
  report.note(`${engine}: calls sent`, sent)
  report.atLeast(`${engine}: calls answered`, answeredCount, kills * callsBetween * 0.7)
  report.none(
    `${engine}: received by the backend, not in the trail`,
    count(received, (n, at) => n > 0 && times[at] === 0),
  )
  report.none(
    `${engine}: answered, not in the trail`,
    answered.filter((number) => times[number] === 0).length,
  )
  report.none(
    `${engine}: in the trail twice`,
    count(times, (n) => n > 1),
  )
  report.none(
    `${engine}: sent to the backend twice`,
    count(received, (n) => n > 1),
  )
  report.none(`${engine}: rows of calls that nobody sent`, strange)
  report.none(`${engine}: runs whose numbers have gaps`, gaps)
  report.none(`${engine}: spool files found corrupt`, isCorrupt ? 1 : 0)
  report.none(`${engine}: exit code of the last run, ended in order`, code)
  report.note(`${engine}: answers other than 200`, failures)
  report.note(`${engine}: start after a kill, most`, Math.max(...startMs), 'ms')
  return answeredCount
}

function count(numbers, is) {
  let found = 0
  for (let at = 0; at < numbers.length; at++) if (is(numbers[at], at)) found++
  return found
}

const toolsQuery = `SELECT tool FROM postern.trail_calls WHERE tool IS NOT NULL`
const gapsQuery = `SELECT count(*)::integer AS gaps FROM (
  SELECT 1 FROM postern.trail_calls GROUP BY writer, boot HAVING count(*) <> max(sequence) OR min(sequence) <> 1) runs`

/** Tells each tool of the trail; answers how many runs have gaps in their numbers. */
async function readTrail({ database, dataDir }, tally) {
  const read = async (client) => {
    for (const { tool } of (await client.query(toolsQuery)).rows) tally(tool)
    return (await client.query(gapsQuery)).rows[0].gaps
  }
  if (database !== null) return await withClient(database, read)
  const embedded = await PGlite.create(join(dataDir, 'pglite'))
  try {
    return await read(embedded)
  } finally {
    await embedded.close()
  }
}
