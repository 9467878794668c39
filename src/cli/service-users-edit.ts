import { Command } from 'commander'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { serviceUserFacts } from './service-users-create.ts'
import { settingsOf } from './settings.ts'

/** False where the option says that it is to be taken away. */
interface Options {
  name?: string
  owner?: string
  backupOwner?: string | false
  customer?: string | false
  json?: true
}

/** `postern service-users edit`. */
export function serviceUsersEditCommand(): Command {
  return new Command('edit')
    .description('change what is known of a service user; what is left out stays as it is')
    .argument('<name>', 'its name or id')
    .option('--name <name>', 'what to call it')
    .option('--owner <email>', 'the person or team that answers for it')
    .option('--backup-owner <email>', 'who is told as well, once earlier notices were not acknowledged')
    .option('--no-backup-owner', 'nobody else is told')
    .option('--customer <name>', 'the customer that it belongs to')
    .option('--no-customer', 'it belongs to no customer')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json, ...asked }: Options, command: Command) => {
      const edit = Object.fromEntries(
        Object.entries(asked)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, value === false ? null : value]),
      )
      if (Object.keys(edit).length === 0) throw new CommandFailed('say what to change', 2)
      await withAdmin(await settingsOf(command), async (admin) => {
        const { id, version } = await admin.get<ServiceUserJson>(
          `/service-users/${encodeURIComponent(argument)}`,
        )
        const user = await admin.patch<ServiceUserJson>(`/service-users/${id}`, edit, version)
        await (json ? printJson(user) : print(serviceUserFacts(user)))
      })
    })
}
