import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setScene } from './scene.mjs'

const requests = 60_000
const shown = 40

/** Where the gateway's CPU goes with all on: its top self times, by `node --cpu-prof`. */
export async function profileGateway({ postgres, directory }) {
  const profiles = join(directory, 'profiles')
  const execArgv = ['--cpu-prof', '--cpu-prof-dir', profiles]
  const scene = await setScene({ postgres, directory, name: 'profile', execArgv })
  try {
    await scene.measure(scene.gateway, requests)
  } finally {
    // The profile is written when the process ends.
    await scene.end()
  }

  const files = await Promise.all(
    (await readdir(profiles)).map((file) => readFile(join(profiles, file), 'utf8')),
  )
  // A process may leave more than one, for its threads: the longest is the one that served.
  const [profile] = files.map((text) => JSON.parse(text)).sort((a, b) => b.samples.length - a.samples.length)
  printSelfTimes(profile)
  return []
}

function printSelfTimes({ nodes, samples, timeDeltas }) {
  const nodeOf = new Map(nodes.map((node) => [node.id, node]))
  const times = new Map()
  let total = 0
  for (const [at, id] of samples.entries()) {
    const { functionName, url, lineNumber } = nodeOf.get(id).callFrame
    if (functionName === '(idle)' || functionName === '(program)') continue
    const file = url.replace(/^file:.*\/(node_modules|dist|bench)\//, '$1/')
    const name = `${functionName || '(anonymous)'} ${file}${file === '' ? '' : `:${lineNumber + 1}`}`
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at])
    total += timeDeltas[at]
  }
  const sorted = [...times].sort((a, b) => b[1] - a[1]).slice(0, shown)
  console.log(`Self times of the gateway, of ${Math.round(total / 1000)} ms busy in JavaScript and below:\n`)
  for (const [name, micros] of sorted)
    console.log(`${((100 * micros) / total).toFixed(1).padStart(5)} %  ${name}`)
  console.log('')
}
