import { Command } from 'commander'
import type { SetupLinkJson } from '../admin/schemas-people.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { localSettingsOf } from './settings.ts'
import { instantAndDistance } from './terminal.ts'

interface Options {
  email?: string
  json?: true
}

/** `postern admin link`. */
export function adminLinkCommand(): Command {
  return new Command('link')
    .description('make a link that lets an administrator in: it works once, and not for long')
    .option('--email <address>', 'whom it is for, where there is an administrator already')
    .option('--json', 'print JSON')
    .action(async ({ json, ...asked }: Options, command: Command) => {
      await withAdmin(await localSettingsOf(command), async (admin) => {
        const link = await admin.post<SetupLinkJson>('/setup-links', asked)
        if (json) return await printJson(link)
        await print(`${link.url}\n\nIt works once, until ${instantAndDistance(link.expiresAt, Date.now())}.`)
      })
    })
}
