import { Command } from 'commander'
import type { ManagementKeyJson } from '../admin/schemas-management-keys.ts'
import { isId } from '../domain/id.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { managementKeyFacts } from './management-keys-list.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

/** `postern management-keys revoke`. */
export function managementKeysRevokeCommand(): Command {
  return new Command('revoke')
    .description('revoke a management key: it opens nothing from now on')
    .argument('<id>', 'its id')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json }: { json?: true }, command: Command) => {
      const id = argument.trim().toLowerCase()
      // Anything else goes nowhere and is not repeated: it may be the token itself.
      if (!isId(id))
        throw new CommandFailed(
          'that is no id of a management key: `postern management-keys list` shows the ids (not_found)',
        )
      await withAdmin(await settingsOf(command), async (admin) => {
        const key = await admin.post<ManagementKeyJson>(`/management-keys/${id}/revoke`, {})
        await (json ? printJson(key) : print(managementKeyFacts(key)))
      })
    })
}
