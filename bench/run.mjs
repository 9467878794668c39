import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchAnswers } from './answers.mjs'
import { benchCatchUp } from './catch-up.mjs'
import { benchConnect } from './connect.mjs'
import { benchFilter } from './filter.mjs'
import { benchGateway } from './gateway.mjs'
import { benchLatency } from './latency.mjs'
import { isOutOfTime, isReached, limitTime, machine, printFigures } from './measure.mjs'
import { benchNext } from './next.mjs'
import { runWithNode } from './node-version.mjs'
import { benchPage } from './page.mjs'
import { startPostgres } from './postgres.mjs'
import { profileGateway } from './profile.mjs'
import { regressions, writeResults } from './results.mjs'
import { benchScaling } from './scaling.mjs'
import { benchSeal } from './seal.mjs'
import { benchSweep } from './sweep.mjs'
import { benchTrail } from './trail.mjs'
import { benchVerify } from './verify.mjs'

const subjects = {
  verify: benchVerify,
  gateway: benchGateway,
  answers: benchAnswers,
  latency: benchLatency,
  filter: benchFilter,
  trail: benchTrail,
  'catch-up': benchCatchUp,
  seal: benchSeal,
  sweep: benchSweep,
  connect: benchConnect,
}
/**
 * Only where it is asked for by name: `profile` says where the time goes, `next` fetches Next by npm, and `page` fills
 * ten million rows first, 8 GB of disk for some ten minutes.
 */
const onRequest = {
  next: benchNext,
  page: benchPage,
  profile: profileGateway,
  scaling: benchScaling,
}

const options = {
  check: { type: 'boolean' },
  minutes: { type: 'string', default: '30' },
  node: { type: 'string' },
}

function usage(problem) {
  console.error(`${problem}
Usage: npm run bench -- [SUBJECT …] [--check] [--minutes N] [--node VERSION]
Subjects: ${Object.keys(subjects).join(', ')}; only by name: ${Object.keys(onRequest).join(', ')}.
  --check         compares the ratios with the recorded ones, and writes nothing
  --minutes N     begins no further round after N minutes, and prints what there is (30)
  --node VERSION  measures with another Node, such as 24, fetched by npm`)
  process.exit(2)
}

function readArguments() {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return usage(error.message)
  }
}

const { values, positionals: names } = readArguments()
const unknown = names.filter((name) => !(name in subjects) && !(name in onRequest))
if (unknown.length > 0) usage(`no such subject: ${unknown.join(', ')}`)
const minutes = Number(values.minutes)
if (!(minutes > 0)) usage('--minutes takes a number above 0')

if (values.node === undefined) process.exitCode = await runAll()
else process.exitCode = await runWithNode(values.node, withoutNode(process.argv.slice(2)))

/** Answers the exit code: 1 where a subject failed, or with `--check` a ratio is worse than the recorded one. */
async function runAll() {
  console.log(`${machine()}\n`)
  limitTime(minutes * 60)
  const directory = await mkdtemp(join(tmpdir(), 'postern-bench-'))
  const postgres = await startPostgres()
  const results = []
  let failures = 0
  try {
    for (const name of names.length === 0 ? Object.keys(subjects) : names) {
      if (isOutOfTime()) {
        console.log(`left out: ${name}: the time is up`)
        continue
      }
      try {
        const figures = await (subjects[name] ?? onRequest[name])({ postgres, directory })
        results.push({ name, figures })
        if (figures.length > 0) printSubject(name, figures)
      } catch (error) {
        // One contender's trouble is no reason to lose what the others have shown.
        failures++
        console.log(`failed: ${name}: ${error.message}\n`)
      }
    }
  } finally {
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  }
  const measured = results.filter(({ figures }) => figures.length > 0)
  const missed = measured.flatMap(({ figures }) => figures).filter((each) => isReached(each) === false).length
  if (missed > 0) console.log(`${missed} of the goals missed.`)
  if (values.check) {
    const worse = await regressions(measured)
    for (const line of worse) console.log(line)
    return failures + worse.length > 0 ? 1 : 0
  }
  for (const path of await writeResults(measured)) console.log(`written: ${path}`)
  return failures > 0 ? 1 : 0
}

function printSubject(name, figures) {
  console.log(name)
  printFigures(figures)
  console.log('')
}

/** The arguments for the run under another Node. */
function withoutNode(given) {
  const at = given.findIndex((each) => each === '--node' || each.startsWith('--node='))
  return given.toSpliced(at, given[at] === '--node' ? 2 : 1)
}
