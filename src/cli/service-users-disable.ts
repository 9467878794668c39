import { Command } from 'commander'
import type { DisabledServiceUserJson } from '../admin/schemas-service-users.ts'
import { acknowledgementLines } from './acknowledgement.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { serviceUserFacts } from './service-users-create.ts'
import { settingsOf } from './settings.ts'

interface Options {
  reason: string
  wait?: true
  json?: true
}

/** `postern service-users disable`. */
export function serviceUsersDisableCommand(): Command {
  return new Command('disable')
    .description('stop a service user: all its keys are refused within a second, until it is enabled')
    .argument('<name>', 'its name or id')
    .option('--reason <text>', 'why; it stands in the history', 'disabled on the command line')
    .option('--wait', 'return when no node accepts its keys any more, and say which have said so')
    .option('--json', 'print JSON')
    .action(async (name: string, { reason, wait, json }: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const path = `/service-users/${encodeURIComponent(name)}/disable${wait ? '?wait=true' : ''}`
        const user = await admin.post<DisabledServiceUserJson>(path, { reason })
        if (json) return await printJson(user)
        await print(serviceUserFacts(user))
        if (user.acknowledgement !== undefined) await print(`\n${acknowledgementLines(user.acknowledgement)}`)
      })
    })
}
