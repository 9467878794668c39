import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const bin = join(import.meta.dirname, '../../dist/cli/main.js')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Where and with what the built CLI runs. Nothing of this process's environment gets through. */
export interface Place {
  cwd: string
  env?: Record<string, string>
}

/** Starts the built CLI. */
export function start(args: readonly string[], { cwd, env = {} }: Place): ChildProcess {
  if (!existsSync(bin)) throw new Error('dist/cli/main.js is not there: run `npm run build` first')
  return spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs the built CLI to its end. */
export async function run(args: readonly string[], place: Place): Promise<Ran> {
  const child = start(args, place)
  const ran: Ran = { code: null, stdout: '', stderr: '' }
  child.stdout?.on('data', (data: Buffer) => (ran.stdout += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (ran.stderr += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { ...ran, code }
}

/** Ends a process by a signal, and answers its exit code. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit') as Promise<[number | null]>
  child.kill(signal)
  return (await exit)[0]
}

/** The lines of a process's stdout, one by one. */
export function linesOf(child: ChildProcess): () => Promise<string> {
  if (child.stdout === null) throw new Error('stdout is not piped')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('stdout has ended')
    return value
  }
}
