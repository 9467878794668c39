import { Command } from 'commander'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { serviceUserFacts } from './service-users-create.ts'
import { settingsOf } from './settings.ts'

/** `postern service-users disable`. */
export function serviceUsersDisableCommand(): Command {
  return new Command('disable')
    .description('stop a service user: all its keys are refused within a second, until it is enabled')
    .argument('<name>', 'its name or id')
    .option('--reason <text>', 'why; it stands in the history', 'disabled on the command line')
    .option('--json', 'print JSON')
    .action(async (name: string, { reason, json }: { reason: string; json?: true }, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const path = `/service-users/${encodeURIComponent(name)}/disable`
        const user = await admin.post<ServiceUserJson>(path, { reason })
        await (json ? printJson(user) : print(serviceUserFacts(user)))
      })
    })
}
