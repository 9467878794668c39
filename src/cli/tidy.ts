import { Command } from 'commander'
import { createPostern } from '../postern.ts'
import { prepareDirectory } from '../store/data-directory.ts'
import { acquireLock } from '../store/lock.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { localSettingsOf } from './settings.ts'

/** `postern tidy`: for a role that may change tables, where the servers' role may not. */
export function tidyCommand(): Command {
  return new Command('tidy')
    .description(
      'make partitions of the trail ahead and let retention take what is over: by itself where a server may change tables, otherwise now and then by a role that may',
    )
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const config = await localSettingsOf(command)
      const lock =
        config.database === null
          ? await acquireLock(prepareDirectory(config.dataDir), { socketPath: null })
          : null
      try {
        const postern = createPostern({ ...config, trail: { ...config.trail, sinks: [] } })
        try {
          const tidied = await postern.upkeep.tidyUp()
          if (tidied === null) throw new CommandFailed('another node is at it: try again in a minute')
          if (tidied.partitions?.canChange === false)
            throw new CommandFailed(
              "this role may not change the trail's tables: run it by the one that migrates",
            )
          if (json) await printJson(tidied)
          else
            await print(
              `Partitions made: ${tidied.made}. Tables dropped: ${tidied.tables.length}. Rows deleted: ${tidied.rows}.${tidied.isOver ? '' : ' There are more: run it again.'}`,
            )
        } finally {
          await postern.close()
        }
      } finally {
        lock?.release()
      }
    })
}
