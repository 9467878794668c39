import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Child {
  process: ChildProcess
  /** The lines of its output so far, all of them once it has ended. */
  lines: string[]
  /** Resolves when it has said this many lines, or has ended. */
  said(count: number): Promise<string[]>
  /** Resolves when it has ended and all its output is read. */
  ended: Promise<void>
}

/** Runs one of `children/` in a process of its own. They use dist/, which `npm test` builds first. */
export function startChild(name: string, args: string[]): Child {
  if (!existsSync(fileURLToPath(new URL('../../dist/store/store.js', import.meta.url))))
    throw new Error('dist/ is missing: run `npm run build` first')
  const script = fileURLToPath(new URL(`./children/${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  let over = false
  const wake = (): void => {
    for (const check of waiting) check()
  }
  // Read from the start: Node throws away what a process that has ended wrote and nobody read.
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake()
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      over = true
      wake()
      resolve()
    })
  })
  return {
    process: child,
    lines,
    ended,
    said: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (lines.length < count && !over) return
          waiting.delete(check)
          resolve(lines)
        }
        waiting.add(check)
        check()
      }),
  }
}
