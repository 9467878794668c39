import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ask, end } from './stage.mjs'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const probe = new URL('children/probe.mjs', import.meta.url).href

/**
 * `postern serve` as it is installed, in a process of its own; `patches` are faults, or what holds its lookups up.
 * The same `name` again starts it on the same data.
 */
export async function startGateway(
  stage,
  { name, backend, database = null, dataDir = null, settings = {}, patches = [], execArgv = [] },
) {
  const place = join(stage.directory, name)
  await mkdir(place, { recursive: true, mode: 0o700 })
  const config = join(place, 'gateway.json')
  const upstream = `http://127.0.0.1:${backend.port}/mcp`
  await writeFile(
    config,
    JSON.stringify({
      ...(database === null ? {} : { database }),
      data: dataDir ?? join(place, 'data'),
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      log: { level: 'warn' },
      ...settings,
      routes: [{ path: '/mcp', mcp: true, accepts: ['service-key'], upstream }],
    }),
  )
  checkPatches(patches)
  const { child, log } = stage.start(join(dist, 'cli/main.js'), ['serve', '--json', '--config', config], {
    name,
    env: { POSTERN_PROOF_PATCHES: JSON.stringify(patches) },
    execArgv: ['--import', probe, ...execArgv],
  })
  const { url } = await firstLine(child, log)
  return {
    name,
    child,
    log,
    port: Number(new URL(url).port),
    end: (signal) => end(child, signal),
    /** SIGSTOP or SIGCONT. */
    signal: (signal) => child.kill(signal),
    shiftClock: (ms) => ask(child, { shiftClockMs: ms }, 'clockShifted'),
    /** CPU time of all its threads so far, in microseconds: the machine's load doesn't change it. */
    cpuMicros: () => ask(child, { cpu: true }, 'cpu'),
    /** Memory after a collection, open descriptors, unhandled rejections and warnings. */
    health: () => ask(child, { health: true }, 'health'),
  }
}

/** Throws unless each patch finds its line once: a fault that isn't planted must not pass for one that isn't found. */
export function checkPatches(patches) {
  for (const { file, line, times = 1 } of patches) {
    const found = readFileSync(join(dist, file), 'utf8')
      .split('\n')
      .filter((each) => each.trim() === line).length
    if (found !== times) throw new Error(`dist/${file} has the line ${line} ${found} times, not ${times}`)
  }
}

async function firstLine(child, log) {
  const lines = createInterface({ input: child.stdout })
  return await new Promise((resolve, reject) => {
    const onExit = (code, signal) =>
      reject(new Error(`a gateway ended with ${code ?? signal} before it was ready:\n${log().slice(-2000)}`))
    child.once('exit', onExit)
    lines.once('line', (line) => {
      child.off('exit', onExit)
      resolve(JSON.parse(line))
    })
  })
}
