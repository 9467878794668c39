import { once } from 'node:events'
import { Command, Option } from 'commander'
import { exportFormats } from '../admin/schemas-audit.ts'
import { withCallFilter, type CallFilter } from './calls.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { settingsOf } from './settings.ts'

interface Options extends CallFilter {
  format: string
  from?: string
  to?: string
}

/** `postern audit export`. */
export function auditExportCommand(): Command {
  return withCallFilter(new Command('export'))
    .description('write calls and denials to stdout, newest first, as JSON Lines or CSV')
    .addOption(
      new Option('--format <format>', 'jsonl, or csv for a spreadsheet')
        .choices(exportFormats)
        .default('jsonl'),
    )
    .option('--from <when>', 'only calls from this RFC 3339 instant, or the start of this date, UTC')
    .option('--to <when>', 'only calls before this RFC 3339 instant, or the end of this date, UTC')
    .action(async (query: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const pieces = await admin.download('/audit/export', { ...query })
        try {
          for await (const piece of pieces)
            // No more in memory than a reader takes.
            if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
        } catch {
          throw new CommandFailed('the export broke off: what was written is not all of it')
        }
      })
    })
}
