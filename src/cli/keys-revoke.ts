import { Command } from 'commander'
import type { KeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

/** `postern keys revoke`. */
export function keysRevokeCommand(): Command {
  return new Command('revoke')
    .description('revoke a service key: every call with it is refused within a second, for good')
    .argument('<id>', 'the id of the key')
    .option('--reason <text>', 'why; it stands in the history', 'revoked on the command line')
    .option('--json', 'print JSON')
    .action(async (argument: string, { reason, json }: { reason: string; json?: true }, command: Command) => {
      const id = keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const key = await admin.post<KeyJson>(`/keys/${id}/revoke`, { reason })
        await (json ? printJson(key) : print(keyFacts(key)))
      })
    })
}
