import { Command } from 'commander'
import type { PageJson } from '../admin/schemas-common.ts'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { instant, shown, table } from './terminal.ts'

/** `postern service-users list`. */
export function serviceUsersListCommand(): Command {
  return new Command('list')
    .description('list service users, oldest first')
    .option('--limit <number>', 'how many at most, up to 200')
    .option('--cursor <cursor>', 'go on after the page before')
    .option('--json', 'print JSON')
    .action(
      async ({ json, limit, cursor }: { json?: true; limit?: string; cursor?: string }, command: Command) => {
        await withAdmin(await settingsOf(command), async (admin) => {
          const page = await admin.get<PageJson<ServiceUserJson>>('/service-users', { limit, cursor })
          if (json) return await printJson(page)
          await printPage(
            page,
            'No service users. Create one: postern service-users create NAME --owner EMAIL',
            (users) =>
              table(
                ['STATE', 'NAME', 'OWNER', 'BACKUP OWNER', 'CUSTOMER', 'CREATED', 'ID'],
                users.map((user) => [
                  user.disabledAt === null ? 'enabled' : 'disabled',
                  shown(user.name),
                  shown(user.owner ?? '–'),
                  shown(user.backupOwner ?? '–'),
                  shown(user.customer ?? '–'),
                  instant(user.createdAt),
                  user.id,
                ]),
              ),
          )
        })
      },
    )
}
