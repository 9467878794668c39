// npm run proofs -- [NAME…] [--full] [--selfcheck]: see README.md.

import { crash } from './crash.mjs'
import { flood } from './flood.mjs'
import { outage } from './outage.mjs'
import { partition } from './partition.mjs'
import { revoke } from './revoke.mjs'

import { soak } from './soak.mjs'
import { createReport, machine } from './stage/report.mjs'
import { tamper } from './tamper.mjs'
import { checkPatches } from './stage/gateway.mjs'
import { openStage } from './stage/stage.mjs'

const proofs = { revoke, partition, crash, outage, flood, soak, tamper }

const words = process.argv.slice(2)
const options = words.filter((word) => word.startsWith('--'))
const names = words.filter((word) => !word.startsWith('--'))
const isFull = options.includes('--full')
const isSelfcheck = options.includes('--selfcheck')
const unknown = [
  ...options.filter((word) => word !== '--full' && word !== '--selfcheck'),
  ...names.filter((name) => !Object.hasOwn(proofs, name)),
]
if (unknown.length > 0 || (isFull && isSelfcheck)) {
  if (unknown.length > 0) console.error(`unknown: ${unknown.join(', ')}`)
  console.error(
    `usage: npm run proofs -- [${Object.keys(proofs).join('|')}]… [--full | --selfcheck]\n` +
      '  --full       the long form, which holds the promised times, too\n' +
      '  --selfcheck  plants faults into what is proven; each must be found',
  )
  process.exit(2)
}
// Whatever ends this process, its 'exit' cleans the stage.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

console.log(machine())
let failures = 0
for (const name of names.length === 0 ? Object.keys(proofs) : names) {
  const proof = proofs[name]
  if (isSelfcheck) {
    for (const fault of proof.faults) failures += await findsFault(name, proof, fault)
  } else failures += await holds(name, proof)
}
process.exit(failures === 0 ? 0 : 1)

/** 0 where all promises are kept. */
async function holds(name, proof) {
  console.log(`\n${name}: ${proof.title}`)
  const report = createReport({ isFull })
  const error = await play(proof, report, { patches: [], scenes: null })
  report.print()
  const broken = report.broken().length
  if (error !== null) console.log(`${name} could not be shown: ${error}`)
  else console.log(broken === 0 ? `${name}: kept` : `${name}: BROKEN, ${broken} of its promises`)
  return error === null && broken === 0 ? 0 : 1
}

/** 0 where the proof finds the fault that is planted. */
async function findsFault(name, proof, fault) {
  const report = createReport({ isFull: false })
  const start = performance.now()
  const error = await play(proof, report, fault)
  const found = report.broken().filter(({ what }) => what.startsWith(fault.breaks))
  const took = `${Math.round((performance.now() - start) / 1000)} s`
  if (error === null && found.length > 0) {
    for (const { what, value, promise } of found)
      console.log(`${name}: found "${fault.name}": ${what}: ${value}, promised ${promise} (${took})`)
    return 0
  }
  console.log(`${name}: did NOT find "${fault.name}" (${took}) ${error ?? ''}`)
  report.print()
  return 1
}

/** Null, or why it could not be played to its end. */
async function play(proof, report, { patches, scenes }) {
  const stage = openStage()
  const limitSeconds = isFull ? proof.limitSeconds.full : proof.limitSeconds.short
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limitSeconds} s`)), limitSeconds * 1000)
  })
  try {
    checkPatches(patches)
    const isScene = (scene) => scenes === null || scenes === undefined || scenes.includes(scene)
    await Promise.race([proof.run({ stage, report, isFull, patches, isScene }), late])
    return null
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } finally {
    clearTimeout(timer)
    stage.close()
  }
}
