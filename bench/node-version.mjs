import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed } from './install.mjs'

/** The same run under another Node, from the npm package `node`; answers its exit code. */
export async function runWithNode(version, args) {
  const place = await installed(`node-${version}`, [`node@${version}`])
  const program = join(place, 'node_modules', 'node', 'bin', 'node')
  const child = spawn(program, [fileURLToPath(new URL('run.mjs', import.meta.url)), ...args], {
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  return code ?? 1
}
