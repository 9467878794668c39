import { Command, Option } from 'commander'
import type { IssuedManagementKeyJson } from '../admin/schemas-management-keys.ts'
import { withAdmin } from './connect.ts'
import { managementKeyFacts } from './management-keys-list.ts'
import { showOnce } from './secret-once.ts'
import { settingsOf } from './settings.ts'

interface Options {
  role: string
  expires?: string
  json?: true
}

/** `postern management-keys create`. */
export function managementKeysCreateCommand(): Command {
  return new Command('create')
    .description('issue a management key: it drives the admin API, and opens no route; shown once')
    .argument('<name>', 'what to call it, such as deploy')
    .addOption(
      new Option('--role <role>', 'admin, or auditor: reads only')
        .choices(['admin', 'auditor'])
        .makeOptionMandatory(),
    )
    .option('--expires <when>', 'a duration (180d), a date (2027-06-01: its end, UTC) or an RFC 3339 instant')
    .option('--json', 'print JSON, the secret included')
    .action(async (name: string, { json, ...asked }: Options, command: Command) => {
      const config = await settingsOf(command)
      await withAdmin(config, (admin) =>
        showOnce(
          () => admin.post<IssuedManagementKeyJson>('/management-keys', { name, ...asked }),
          managementKeyFacts,
          { config, json },
        ),
      )
    })
}
