import { Command } from 'commander'
import type { KeyJson, PageJson } from '../admin/schemas.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { instantAndDistance, shown, table } from './terminal.ts'

interface Options {
  serviceUser?: string
  limit?: string
  cursor?: string
  json?: true
}

/** `postern keys list`. */
export function keysListCommand(): Command {
  return new Command('list')
    .description('list service keys, newest first')
    .option('--service-user <name>', 'only those of this service user, by name or id')
    .option('--limit <number>', 'how many at most, up to 200')
    .option('--cursor <cursor>', 'go on after the page before')
    .option('--json', 'print JSON')
    .action(async ({ json, ...query }: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const page = await admin.get<PageJson<KeyJson>>('/keys', query)
        if (json) return await printJson(page)
        const now = Date.now()
        await printPage(page, 'No keys. Issue one: postern keys create --service-user NAME', (keys) =>
          table(
            ['STATE', 'KEY', 'SERVICE USER', 'STARTS WITH', 'EXPIRES', 'LAST USED', 'ID'],
            keys.map((key) => [
              key.state,
              shown(key.name),
              shown(key.serviceUser),
              shown(key.start),
              instantAndDistance(key.expiresAt, now),
              key.lastUsedAt === null ? 'never' : instantAndDistance(key.lastUsedAt, now),
              key.id,
            ]),
          ),
        )
      })
    })
}
