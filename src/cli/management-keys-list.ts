import { Command } from 'commander'
import type { PageJson } from '../admin/schemas-common.ts'
import type { ManagementKeyJson } from '../admin/schemas-management-keys.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { distance, facts, instant, instantAndDistance, shown, shownShort, table } from './terminal.ts'

interface Options {
  limit?: string
  cursor?: string
  json?: true
}

/** `postern management-keys list`. */
export function managementKeysListCommand(): Command {
  return new Command('list')
    .description('list management keys, newest first')
    .option('--limit <number>', 'how many at most, up to 200')
    .option('--cursor <cursor>', 'go on after the page before')
    .option('--json', 'print JSON')
    .action(async ({ json, ...query }: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const page = await admin.get<PageJson<ManagementKeyJson>>('/management-keys', { ...query })
        if (json) return await printJson(page)
        const now = Date.now()
        await printPage(page, 'No management keys.', (keys) =>
          table(
            ['STATE', 'NAME', 'ROLE', 'START', 'EXPIRES', 'LAST USED', 'ID'],
            keys.map((key) => [
              key.state,
              shownShort(key.name),
              key.role,
              shown(key.start),
              instant(key.expiresAt),
              key.lastUsedAt === null ? 'never' : distance(Date.parse(key.lastUsedAt), now),
              key.id,
            ]),
          ),
        )
      })
    })
}

/** A management key for people. */
export function managementKeyFacts(key: ManagementKeyJson): string {
  const now = Date.now()
  return facts([
    ['management key', shown(key.name)],
    ['id', key.id],
    ['starts with', shown(key.start)],
    ['role', key.role],
    ['state', key.state],
    ['created', `${instantAndDistance(key.createdAt, now)} by ${shown(key.createdBy)}`],
    ['expires', instantAndDistance(key.expiresAt, now)],
  ])
}
