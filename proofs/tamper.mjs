import { execFile } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { edits } from './stage/edits.mjs'
import { checkPatches, startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { startPostgres, withClient } from './stage/postgres.mjs'
import { answerOf, ask, sleep } from './stage/stage.mjs'

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const probe = new URL('stage/children/probe.mjs', import.meta.url).href
const verifierProgram = fileURLToPath(new URL('stage/children/verifier.mjs', import.meta.url))
const tables = ['trail_calls', 'trail_ends', 'trail_seals', 'trail_checkpoints', 'trail_leaves']
const callsOfRun = 120
const verifyFile = 'audit/verify/batch.js'
const rootsLine = 'if (open.calls !== seal.calls || merkleRoot(open.leaves) !== seal.root)'

export const tamper = {
  title: 'random edits of the trail by whoever may write to its database (T25)',
  limitSeconds: { short: 280, full: 1800 },
  faults: [
    {
      name: 'the verification ignores the roots of batches with ends',
      breaks: 'edits that were not found',
      patches: [
        {
          file: verifyFile,
          line: rootsLine,
          by: 'if (open.calls !== seal.calls || (open.ends === 0 && merkleRoot(open.leaves) !== seal.root))',
        },
      ],
    },
    {
      name: 'the verification does not compare roots',
      breaks: 'edits that were not found',
      patches: [
        {
          file: verifyFile,
          line: rootsLine,
          by: 'if (open.calls !== seal.calls)',
        },
      ],
    },
  ],

  async run({ stage, report, isFull, patches }) {
    const wanted = isFull ? 1000 : patches.length > 0 ? 60 : 120
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const backend = await startBackend(stage, { variety: 'various' })
    const first = { name: 'node-1', backend, database }
    const gateway = await startGateway(stage, first)
    // The instance that exports signs as the gateway does.
    const keyFile = 'checkpoint-key.pem'
    copyFileSync(join(stage.directory, 'node-1/data', keyFile), join(stage.directory, 'admin', keyFile))
    const key = await admin.issue()
    const [publicKey] = admin.postern.upkeep.checkpointKeys()

    // Two runs of one writer, the first ended by kill -9, and one of another; checkpoints between them.
    await someCalls(gateway, key)
    await exportTo(admin, stage, 'first')
    await gateway.end('SIGKILL')
    for (const name of ['node-1', 'node-2']) {
      const next = await startGateway(stage, { ...first, name })
      await someCalls(next, key)
      await next.end('SIGTERM')
      await exportTo(admin, stage, name)
    }
    const honest = await exportTo(admin, stage, 'honest')
    const lines = linesOf(honest)
    // What its owner has of checkpoints elsewhere.
    const known = join(stage.directory, 'known.jsonl')
    writeFileSync(
      known,
      lines.flatMap((line) => ('checkpoint' in line ? [`${JSON.stringify(line)}\n`] : [])).join(''),
    )
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...[cli, 'audit', 'verify', honest, known, '--key', publicKey, '--json'],
    ])
    const { verified, calls, ends, batches, checkpoints } = JSON.parse(stdout)
    report.note('calls, ends', `${calls}, ${ends}`)
    report.note('batches, checkpoints', `${batches}, ${checkpoints}`)
    report.none('honest exports that do not verify', verified ? 0 : 1)

    checkPatches(patches)
    const { child } = stage.start(verifierProgram, [], {
      name: 'verifier',
      env: { POSTERN_PROOF_PATCHES: JSON.stringify(patches) },
      execArgv: ['--import', probe],
    })
    await answerOf(child, 'ready')
    const verdictOf = (file) => ask(child, { verify: { files: [file, known], keys: [publicKey] } }, 'verdict')
    const verdicts = new Map()
    const missed = []
    let edited = 0
    let attempts = 0
    const kinds = new Set()
    await withClient(database, async (client) => {
      await client.query('CREATE SCHEMA kept')
      for (const table of tables) await client.query(`CREATE TABLE kept.${table} AS TABLE postern.${table}`)
      while (edited < wanted) {
        const what = await editOnce(client, edits[attempts++ % edits.length], lines)
        // Not to be done to this trail, or refused by the database: the next.
        if (what === null) {
          if (attempts > 20 * wanted) throw new Error('hardly any edit can be made')
          continue
        }
        kinds.add(what)
        edited++
        // An export that refuses to be made over what was signed otherwise has found it, too.
        const verdict = await exportTo(admin, stage, 'edited').then(verdictOf, () => 'the export refuses')
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
        if (verdict === 'fits') missed.push(what)
        await restore(client)
      }
    })
    const again = await verdictOf(await exportTo(admin, stage, 'restored'))
    report.note('edits', edited)
    report.note('different kinds of them', kinds.size)
    report.none('edits that were not found', missed.length)
    for (const what of new Set(missed))
      report.note(`  not found: ${what}`, missed.filter((one) => one === what).length)
    for (const [verdict, count] of verdicts) report.note(`  found: ${verdict}`, count)
    report.none('restored trails that do not verify', again === 'fits' || patches.length > 0 ? 0 : 1)
    await admin.close()
  },
}

/** Calls in several batches, some refused and some with an end of their own. */
async function someCalls({ port }, key) {
  const client = createClient({ port, connections: 4 })
  for (let number = 0; number < callsOfRun; number += 4) {
    await Promise.all(
      Array.from({ length: 4 }, (_, at) => {
        const token = (number + at) % 9 === 0 ? `pst_${'0'.repeat(49)}` : key.token
        return client.call(callText(token, `tool-${number + at}`))
      }),
    )
  }
  // The ends of the streams come behind, and counted denials a second later.
  await sleep(1300)
  client.close()
}

async function exportTo(admin, stage, name) {
  const file = join(stage.directory, `${name}.jsonl`)
  const pieces = []
  // One that signed checkpoints remembers them, and knows without looking closer that a restored trail has lost some.
  const another = admin.another()
  try {
    for await (const piece of another.upkeep.exportSealed(null)) pieces.push(piece)
  } finally {
    await another.close()
  }
  writeFileSync(file, pieces.join(''))
  return file
}

function linesOf(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** What was done, all or nothing; null where it couldn't be done. */
async function editOnce(client, edit, lines) {
  await client.query('BEGIN')
  try {
    const what = await edit(client, lines)
    await client.query(what === null ? 'ROLLBACK' : 'COMMIT')
    return what
  } catch (error) {
    await client.query('ROLLBACK')
    if (error.code === undefined) throw error
    return null
  }
}

async function restore(client) {
  await client.query('BEGIN')
  for (const table of tables) {
    await client.query(`DELETE FROM postern.${table}`)
    await client.query(`INSERT INTO postern.${table} SELECT * FROM kept.${table}`)
  }
  await client.query('COMMIT')
}
