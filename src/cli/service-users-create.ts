import { Command } from 'commander'
import type { ServiceUserJson } from '../admin/schemas.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { facts, quoted, shown } from './terminal.ts'

/** `postern service-users create`. */
export function serviceUsersCreateCommand(): Command {
  return new Command('create')
    .description('create a service user: the named identity that keys belong to')
    .argument('<name>', 'its name, such as reporting-bot')
    .requiredOption('--owner <email>', 'the person or team that answers for it')
    .option('--customer <name>', 'the customer that it belongs to')
    .option('--json', 'print JSON')
    .action(
      async (name: string, options: { owner: string; customer?: string; json?: true }, command: Command) => {
        const { owner, customer, json } = options
        await withAdmin(await settingsOf(command), async (admin) => {
          const user = await admin.post<ServiceUserJson>('/service-users', { name, owner, customer })
          if (json) return await printJson(user)
          await print(
            facts([
              ['created', shown(user.name)],
              ['id', user.id],
              ['owner', shown(user.owner)],
              ...(user.customer === null ? [] : [['customer', shown(user.customer)] as const]),
            ]),
          )
          await print(`\nGive it a key: postern keys create --service-user ${quoted(user.name)}`)
        })
      },
    )
}
