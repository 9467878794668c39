import { Command } from 'commander'
import type { UpkeepJson } from '../admin/schemas-upkeep.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

/** `postern audit checkpoint-key`. */
export function auditCheckpointKeyCommand(): Command {
  return new Command('checkpoint-key')
    .description('print the public keys that checkpoints of the trail are verified with: keep them elsewhere')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const { checkpointKeys } = await admin.get<UpkeepJson>('/audit/upkeep')
        await (json ? printJson({ keys: checkpointKeys }) : print(checkpointKeys.join('\n')))
      })
    })
}
