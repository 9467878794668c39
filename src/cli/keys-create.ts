import { Command } from 'commander'
import type { IssuedKeyJson } from '../admin/schemas.ts'
import { withAdmin, type Admin } from './connect.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { facts, instantAndDistance, shown } from './terminal.ts'
import { openTokenFile } from './token-file.ts'

interface Options {
  serviceUser: string
  name?: string
  expires?: string
  json?: true
}

/** `postern keys create`. */
export function keysCreateCommand(): Command {
  return new Command('create')
    .description('issue a service key; its secret is shown once')
    .requiredOption('--service-user <name>', 'the service user that it belongs to, by name or id')
    .option('--name <label>', 'what to call the key')
    .option('--expires <when>', 'a duration (180d), a date (2027-06-01: its end, UTC) or an RFC 3339 instant')
    .option('--json', 'print JSON, the secret included')
    .action(async (options: Options, command: Command) => {
      const config = await settingsOf(command)
      await withAdmin(config, async (admin) => {
        if (options.json) return await printJson(await issue(admin, options))
        if (process.stdout.isTTY) {
          const key = await issue(admin, options)
          await print(`${factsOf(key)}\n\n${key.token}\n\nKeep it now: it is not shown again.`)
          return
        }
        const file = openTokenFile(config.dataDir)
        let key: IssuedKeyJson
        try {
          key = await issue(admin, options)
        } catch (error) {
          file.discard()
          throw error
        }
        await print(`${factsOf(key)}\nsecret   in the file ${file.keep(key.id, key.token)}`)
      })
    })
}

async function issue(admin: Admin, { serviceUser, name, expires }: Options): Promise<IssuedKeyJson> {
  return await admin.post<IssuedKeyJson>('/keys', { serviceUser, name, expires })
}

function factsOf(key: IssuedKeyJson): string {
  return facts([
    ['key', shown(key.name)],
    ['id', key.id],
    ['of', shown(key.serviceUser)],
    ['expires', instantAndDistance(key.expiresAt, Date.now())],
  ])
}
