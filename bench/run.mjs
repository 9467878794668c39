import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchCatchUp } from './catch-up.mjs'
import { benchConnect } from './connect.mjs'
import { benchFilter } from './filter.mjs'
import { benchGateway } from './gateway.mjs'
import { isReached, machine, printFigures } from './measure.mjs'
import { benchNext } from './next.mjs'
import { benchPage } from './page.mjs'
import { startPostgres } from './postgres.mjs'
import { profileGateway } from './profile.mjs'
import { benchScaling } from './scaling.mjs'
import { benchSeal } from './seal.mjs'
import { benchSweep } from './sweep.mjs'
import { benchTrail } from './trail.mjs'
import { benchVerify } from './verify.mjs'

const subjects = {
  verify: benchVerify,
  gateway: benchGateway,
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
const onRequest = { next: benchNext, page: benchPage, profile: profileGateway, scaling: benchScaling }

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in subjects) && !(name in onRequest))
if (unknown.length > 0) {
  const known = [...Object.keys(subjects), ...Object.keys(onRequest)].join(', ')
  console.error(`no such subject: ${unknown.join(', ')}. There are: ${known}.`)
  process.exit(2)
}

console.log(`${machine()}\n`)
const directory = await mkdtemp(join(tmpdir(), 'postern-bench-'))
const postgres = await startPostgres()
try {
  const figures = []
  for (const name of names.length === 0 ? Object.keys(subjects) : names) {
    const run = subjects[name] ?? onRequest[name]
    figures.push(...(await run({ postgres, directory })))
  }
  if (figures.length > 0) printFigures(figures)
  const missed = figures.filter((each) => isReached(each) === false).length
  if (missed > 0) console.log(`\n${missed} of the goals missed.`)
} finally {
  await postgres.stop()
  await rm(directory, { recursive: true, force: true })
}
