import { Command } from 'commander'
import type { NoticeJson } from '../admin/schemas-notices.ts'
import type { PageJson } from '../admin/schemas-common.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { instant, shown, shownShort, table } from './terminal.ts'

interface Options {
  key?: string
  serviceUser?: string
  unacknowledged?: true
  limit?: string
  cursor?: string
  json?: true
}

/** `postern notices list`. */
export function noticesListCommand(): Command {
  return new Command('list')
    .description('list notices and what became of them, newest first')
    .option('--key <id>', 'only those about this key')
    .option('--service-user <name>', 'only those about keys of this service user, by name or id')
    .option('--unacknowledged', 'only those that nobody has acknowledged')
    .option('--limit <number>', 'how many at most, up to 200')
    .option('--cursor <cursor>', 'go on after the page before')
    .option('--json', 'print JSON')
    .action(async ({ json, unacknowledged, ...others }: Options, command: Command) => {
      const query = { ...others, unacknowledged: unacknowledged === true ? 'true' : undefined }
      await withAdmin(await settingsOf(command), async (admin) => {
        const page = await admin.get<PageJson<NoticeJson>>('/notices', query)
        if (json) return await printJson(page)
        await printPage(page, 'No notices. See whether they would arrive: postern notices test', (notices) =>
          table(
            ['TIME', 'NOTICE', 'KEY', 'DELIVERED', 'ACKNOWLEDGED', 'ID'],
            notices.map((notice) => [
              instant(notice.createdAt),
              shown(notice.subject),
              notice.keyName === null ? '–' : shownShort(notice.keyName),
              deliveries(notice),
              notice.acknowledgedBy === null ? 'no' : `by ${shownShort(notice.acknowledgedBy)}`,
              notice.id,
            ]),
          ),
        )
      })
    })
}

/** `email ✓, webhook ops dead: status 410`; a dash for none. */
function deliveries(notice: NoticeJson): string {
  if (notice.deliveries.length === 0) return '–'
  return notice.deliveries
    .map(({ channel, recipient, state, lastFailure }) => {
      const name = channel === 'slack' ? channel : `${channel} ${shownShort(recipient)}`
      if (state === 'delivered') return `${name} ✓`
      return lastFailure === null ? `${name} ${state}` : `${name} ${state}: ${shownShort(lastFailure, 60)}`
    })
    .join(', ')
}
