import { Command } from 'commander'
import type { KeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

interface Options {
  until?: string
  for?: string
  json?: true
}

/** `postern keys extend-overlap`. */
export function keysExtendOverlapCommand(): Command {
  return new Command('extend-overlap')
    .description('let the old key of a rotation work for longer')
    .argument('<id>', 'the id of the old key or of the new one')
    .option('--until <when>', 'a date (2027-06-01: its end, UTC) or an RFC 3339 instant')
    .option('--for <duration>', 'how long from now, such as 7d')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json, ...end }: Options, command: Command) => {
      const id = keyId(argument)
      if ((end.until === undefined) === (end.for === undefined))
        throw new CommandFailed('give either --until or --for', 2)
      await withAdmin(await settingsOf(command), async (admin) => {
        const key = await admin.post<KeyJson>(`/keys/${id}/rotation/extend`, end)
        await (json ? printJson(key) : print(keyFacts(key)))
      })
    })
}
