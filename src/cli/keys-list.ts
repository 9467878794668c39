import { Command } from 'commander'
import type { PageJson } from '../admin/schemas-common.ts'
import type { KeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { distance, instant, shown, shownShort, table } from './terminal.ts'

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
          keyTable(keys, now),
        )
      })
    })
}

/** All other columns at their widest leave so much of 120 for both names. */
const namesRoom = 26
const mostForTools = 100

function keyTable(keys: readonly KeyJson[], now: number): string {
  const longest = (names: string[]) => Math.max(...names.map((name) => Array.from(name).length))
  const mostForName = Math.max(namesRoom / 2, namesRoom - longest(keys.map((key) => key.serviceUser)))
  const mostForUser = Math.max(namesRoom / 2, namesRoom - longest(keys.map((key) => key.name)))
  const [headings = '', ...lines] = table(
    ['STATE', 'KEY', 'SERVICE USER', 'START', 'EXPIRES (UTC)', 'LAST USED', 'ID'],
    keys.map((key) => [
      key.state,
      shownShort(key.name, mostForName),
      shownShort(key.serviceUser, mostForUser),
      shown(key.start),
      instant(key.expiresAt).slice(0, 'yyyy-mm-dd hh:mm'.length),
      key.lastUsedAt === null ? 'never' : distance(Date.parse(key.lastUsedAt), now),
      key.id,
    ]),
  ).split('\n')
  const rows = lines.flatMap((line, index) => {
    const { tools = [] } = keys[index] ?? {}
    return tools.length === 0 ? [line] : [line, `  tools: ${shownShort(tools.join(' '), mostForTools)}`]
  })
  return [headings, ...rows].join('\n')
}
