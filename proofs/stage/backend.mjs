import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answerOf, ask, end } from './stage.mjs'

const program = fileURLToPath(new URL('children/backend.mjs', import.meta.url))

/** The backend, in a process of its own, with a log of its own; `various`: some answers are late, or streams. */
export async function startBackend(stage, { name = 'backend', variety = 'plain' } = {}) {
  const logFile = join(stage.directory, `${name}-calls.txt`)
  const { child } = stage.start(program, [logFile, variety], { name })
  const port = await answerOf(child, 'ready')
  return {
    port,
    /** How many calls it has received so far. */
    count: () => ask(child, { received: true }, 'received'),
    /** What its log says: the instant and the name of each call. */
    received() {
      const lines = readFileSync(logFile, 'latin1').split('\n')
      lines.pop()
      return lines.map((line) => {
        const space = line.indexOf(' ')
        return { at: Number(line.slice(0, space)), name: line.slice(space + 1) }
      })
    },
    stop: () => end(child, 'SIGKILL'),
  }
}
