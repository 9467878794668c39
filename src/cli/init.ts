import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { CommandFailed } from './failure.ts'
import { initialise, type Initialised, type Talk } from './init/initialise.ts'
import { print, printJson } from './print.ts'

interface Flags {
  clerk?: boolean
  cron?: boolean
  yes?: boolean
  json?: boolean
}

/** `postern init`. */
export function initCommand(): Command {
  return new Command('init')
    .description('set Postern up in the Next.js app of this directory; shows what it will write, and asks')
    .option('--clerk', 'people sign in through Clerk (otherwise so where @clerk/nextjs is a dependency)')
    .option('--cron', 'with a route for a scheduler, where nothing runs between requests (serverless)')
    .option('--yes', 'write what is new without asking; files that are there stay as they are')
    .option('--json', 'print JSON; with --yes')
    .action(async ({ clerk = false, cron = false, yes = false, json = false }: Flags) => {
      if (json && !yes) throw new CommandFailed('--json takes --yes, since nobody is asked', 2)
      const talk = json ? silent : { show: print, ask: canBeAsked() ? ask : null }
      const done = await initialise(process.cwd(), { clerk, cron, yes }, talk)
      await (json ? printJson(done) : print(`\n${summary(done)}`))
    })
}

const silent: Talk = { show: async () => {}, ask: null }

function canBeAsked(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY
}

/** Anything but yes is a no. A Ctrl-C, or the end of the input, ends it all: nothing is written before the last answer. */
async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const closed = new AbortController()
  lines.once('close', () => closed.abort())
  try {
    const answer = await lines.question(`\n${question} [y/N] `, { signal: closed.signal })
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    if (closed.signal.aborted) throw new CommandFailed('nothing was written')
    throw error
  } finally {
    lines.close()
  }
}

function summary({ written, left, warnings, next }: Initialised): string {
  return [
    written.length === 0 ? 'Nothing was written.' : `Written: ${written.join(', ')}.`,
    ...(left.length === 0 ? [] : [`Left as it is: ${left.join(', ')}.`]),
    ...warnings.map((warning) => `Warning: ${warning}.`),
    'Next:',
    ...next.map((step) => `  ${step}`),
  ].join('\n')
}
