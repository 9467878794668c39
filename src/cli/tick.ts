import { Command } from 'commander'
import type { PassJson } from '../admin/schemas-notices.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

/** `postern tick`: for hosts without timers. A running server does it by itself, each minute. */
export function tickCommand(): Command {
  return new Command('tick')
    .description('do once what a server does each minute: find what is due, record it and send notices')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const pass = await admin.post<PassJson>('/tick', {})
        if (json) return await printJson(pass)
        const { swept, routed, delivered, failed, isOver } = pass
        await print(
          `Keys looked at: ${swept}. Notices taken up: ${routed}. Deliveries: ${delivered} arrived, ${failed} failed.${isOver ? '' : ' It goes on.'}`,
        )
      })
    })
}
