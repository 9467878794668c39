import { Command } from 'commander'
import type { NoticeJson } from '../admin/schemas-notices.ts'
import { isId } from '../domain/id.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { shown } from './terminal.ts'

/** `postern notices ack`. */
export function noticesAckCommand(): Command {
  return new Command('ack')
    .description('acknowledge a notice: later ones like it need not reach the backup owner')
    .argument('<id>', 'the id of the notice')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json }: { json?: true }, command: Command) => {
      const id = argument.trim().toLowerCase()
      // Anything else goes nowhere and is not repeated: it may be a token.
      if (!isId(id))
        throw new CommandFailed('that is no id of a notice: `postern notices list` shows the ids (not_found)')
      await withAdmin(await settingsOf(command), async (admin) => {
        const notice = await admin.post<NoticeJson>(`/notices/${id}/acknowledge`, {})
        await (json ? printJson(notice) : print(`Acknowledged: ${shown(notice.subject)}`))
      })
    })
}
