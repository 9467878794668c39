import { Command } from 'commander'
import type { RotatedKeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { showOnce } from './secret-once.ts'
import { settingsOf } from './settings.ts'
import { facts, instantAndDistance, shown } from './terminal.ts'

interface Options {
  overlap?: string
  expires?: string
  json?: true
}

/** `postern keys rotate`. */
export function keysRotateCommand(): Command {
  return new Command('rotate')
    .description('issue a successor of a key; both work for the overlap, then the old one is dead')
    .argument('<id>', 'the id of the key')
    .option('--overlap <duration>', 'how long both work, such as 7d; 0 for a leak')
    .option(
      '--expires <when>',
      'when the successor ends: 180d, 2027-06-01 (its end, UTC) or an RFC 3339 instant',
    )
    .option('--json', 'print JSON, the secret included')
    .action(async (argument: string, { json, ...asked }: Options, command: Command) => {
      const id = keyId(argument)
      const config = await settingsOf(command)
      await withAdmin(config, (admin) =>
        showOnce(() => admin.post<RotatedKeyJson>(`/keys/${id}/rotate`, asked), factsOf, { config, json }),
      )
    })
}

function factsOf(key: RotatedKeyJson): string {
  const now = Date.now()
  return facts([
    ['new key', shown(key.name)],
    ['id', key.id],
    ['of', shown(key.serviceUser)],
    ['expires', instantAndDistance(key.expiresAt, now)],
    ['old key', key.predecessor.id],
    ['works until', instantAndDistance(key.predecessor.retiresAt, now)],
  ])
}
