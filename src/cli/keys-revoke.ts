import { Command } from 'commander'
import type { RevokedKeyJson } from '../admin/schemas-keys.ts'
import { acknowledgementLines } from './acknowledgement.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

interface Options {
  reason: string
  wait?: true
  json?: true
}

/** `postern keys revoke`. */
export function keysRevokeCommand(): Command {
  return new Command('revoke')
    .description('revoke a service key: every call with it is refused within a second, for good')
    .argument('<id>', 'the id of the key')
    .option('--reason <text>', 'why; it stands in the history', 'revoked on the command line')
    .option('--wait', 'return when no node accepts the key any more, and say which have said so')
    .option('--json', 'print JSON')
    .action(async (argument: string, { reason, wait, json }: Options, command: Command) => {
      const id = keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const path = `/keys/${id}/revoke${wait ? '?wait=true' : ''}`
        const key = await admin.post<RevokedKeyJson>(path, { reason })
        if (json) return await printJson(key)
        await print(keyFacts(key))
        if (key.acknowledgement !== undefined) await print(`\n${acknowledgementLines(key.acknowledgement)}`)
      })
    })
}
