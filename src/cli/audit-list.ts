import { Command } from 'commander'
import type { CallJson } from '../admin/schemas-audit.ts'
import type { PageJson } from '../admin/schemas-common.ts'
import { callCells, callHeadings, serviceUserNames, withCallFilter, type CallFilter } from './calls.ts'
import { withAdmin } from './connect.ts'
import { printJson, printPage } from './print.ts'
import { settingsOf } from './settings.ts'
import { table } from './terminal.ts'

interface Options extends CallFilter {
  from?: string
  to?: string
  limit?: string
  cursor?: string
  json?: true
}

/** `postern audit list`. */
export function auditListCommand(): Command {
  return withCallFilter(new Command('list'))
    .description('list calls and denials, newest first')
    .option('--from <when>', 'only calls from this RFC 3339 instant, or the start of this date, UTC')
    .option('--to <when>', 'only calls before this RFC 3339 instant, or the end of this date, UTC')
    .option('--limit <number>', 'how many at most, up to 200')
    .option('--cursor <cursor>', 'go on after the page before')
    .option('--json', 'print JSON')
    .action(async ({ json, ...query }: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const page = await admin.get<PageJson<CallJson>>('/audit', query)
        if (json) return await printJson(page)
        const names = page.data.length === 0 ? new Map<string, string>() : await serviceUserNames(admin)
        const isFiltered = Object.values(query).some((value) => value !== undefined)
        const whenEmpty = isFiltered
          ? 'No calls like that in the trail.'
          : 'No calls yet: the first one through the gateway will be here.'
        await printPage(page, whenEmpty, (calls) =>
          table(
            callHeadings,
            calls.map((call) => callCells(call, names)),
          ),
        )
      })
    })
}
