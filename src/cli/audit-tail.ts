import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'
import { callCells, serviceUserNames, withCallFilter, type CallFilter } from './calls.ts'
import { withAdmin } from './connect.ts'
import { readLock } from '../store/lock.ts'
import { CommandFailed } from './failure.ts'
import { follower, type ReadPage } from '../admin/follow.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { line } from './terminal.ts'

const pollMs = 1000
/** Columns that fit most calls: those to come are not known yet. */
const widths = [23, 9, 3, 16, 24, 5, 12]

/** `postern audit tail`. */
export function auditTailCommand(): Command {
  return withCallFilter(new Command('tail'))
    .description('follow the trail: the last calls, then each new one, until interrupted')
    .option('--json', 'print each call as one line of JSON')
    .action(async ({ json, ...filter }: CallFilter & { json?: true }, command: Command) => {
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
      const config = await settingsOf(command)
      await withAdmin(config, async (admin) => {
        if (admin.via === 'embedded')
          throw new CommandFailed(
            'no server runs on this data directory, so there is nothing to follow: see `postern audit list`',
          )
        const readPage: ReadPage = (query) => admin.get('/audit', { ...filter, ...query })
        const next = follower(readPage)
        let names = new Map<string, string>()
        while (!stop.signal.aborted) {
          const calls = await next().catch((error: unknown) => {
            if (admin.via !== 'server' || readLock(config.dataDir)?.alive === true) throw error
            throw new CommandFailed('the server has stopped')
          })
          if (!json && calls.some(({ serviceUserId: id }) => id !== null && !names.has(id)))
            names = await serviceUserNames(admin)
          for (const call of calls)
            await (json ? printJson(call) : print(line(callCells(call, names), widths)))
          await pause(pollMs, undefined, { signal: stop.signal }).catch(() => {})
        }
      })
    })
}
