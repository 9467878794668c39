import { Command } from 'commander'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { serviceUserFacts } from './service-users-create.ts'
import { settingsOf } from './settings.ts'

/** `postern service-users enable`. */
export function serviceUsersEnableCommand(): Command {
  return new Command('enable')
    .description('let a service user that was disabled go on: its keys work as they did before')
    .argument('<name>', 'its name or id')
    .option('--reason <text>', 'why; it stands in the history')
    .option('--json', 'print JSON')
    .action(async (name: string, { reason, json }: { reason?: string; json?: true }, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const path = `/service-users/${encodeURIComponent(name)}/enable`
        const user = await admin.post<ServiceUserJson>(path, { reason })
        await (json ? printJson(user) : print(serviceUserFacts(user)))
      })
    })
}
