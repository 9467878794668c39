import { Command } from 'commander'
import { createPostern } from '../postern.ts'
import { prepareDirectory } from '../store/data-directory.ts'
import { acquireLock } from '../store/lock.ts'
import { print, printJson } from './print.ts'
import { localSettingsOf } from './settings.ts'

/** `postern migrate`. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database up to this version, making it where there is none')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const config = await localSettingsOf(command)
      const lock =
        config.database === null
          ? await acquireLock(prepareDirectory(config.dataDir), { socketPath: null })
          : null
      try {
        const postern = createPostern(config)
        try {
          const applied = await postern.migrate()
          const words =
            applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}.`
          await (json ? printJson({ applied }) : print(words))
        } finally {
          await postern.close()
        }
      } finally {
        lock?.release()
      }
    })
}
