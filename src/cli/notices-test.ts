import { Command } from 'commander'
import type { NoticeJson } from '../admin/schemas-notices.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { shown, table } from './terminal.ts'

/** `postern notices test`. */
export function noticesTestCommand(): Command {
  return new Command('test')
    .description('send a notice over every channel that is set, and show whether it arrived')
    .option('--email <address>', "where the e-mail goes; otherwise to the sender's own address")
    .option('--json', 'print JSON')
    .action(async ({ email, json }: { email?: string; json?: true }, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const notice = await admin.post<NoticeJson>('/notices/test', email === undefined ? {} : { email })
        const { deliveries } = notice
        if (json) await printJson(notice)
        else if (deliveries.length > 0)
          await print(
            table(
              ['CHANNEL', 'TO', 'STATE', 'WHY'],
              deliveries.map((delivery) => [
                delivery.channel,
                shown(delivery.recipient),
                delivery.state,
                shown(delivery.lastFailure ?? '–'),
              ]),
            ),
          )
        if (deliveries.length === 0)
          throw new CommandFailed('no channel is set: name one under notices in the settings (no_channel)')
        const others = deliveries.filter(({ state }) => state !== 'delivered').length
        if (others > 0)
          throw new CommandFailed(`${others} of ${deliveries.length} have not arrived so far (not_delivered)`)
      })
    })
}
