import { Command } from 'commander'
import type { KeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

/** `postern keys end-overlap`. */
export function keysEndOverlapCommand(): Command {
  return new Command('end-overlap')
    .description('end the overlap of a rotation now: the old key is dead, the new one goes on')
    .argument('<id>', 'the id of the old key or of the new one')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json }: { json?: true }, command: Command) => {
      const id = keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const key = await admin.post<KeyJson>(`/keys/${id}/rotation/end`, {})
        await (json ? printJson(key) : print(keyFacts(key)))
      })
    })
}
