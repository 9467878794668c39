import { Command } from 'commander'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { withAdmin } from './connect.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { facts, instantAndDistance, quoted, shown } from './terminal.ts'

interface Options {
  owner?: string
  backupOwner?: string
  customer?: string
  json?: true
}

/** `postern service-users create`. */
export function serviceUsersCreateCommand(): Command {
  return new Command('create')
    .description('create a service user: the named identity that keys belong to')
    .argument('<name>', 'its name, such as reporting-bot')
    .option(
      '--owner <email>',
      'the person or team that answers for it; required unless the policy says otherwise',
    )
    .option('--backup-owner <email>', 'who is told as well, once earlier notices were not acknowledged')
    .option('--customer <name>', 'the customer that it belongs to')
    .option('--json', 'print JSON')
    .action(async (name: string, { json, ...asked }: Options, command: Command) => {
      await withAdmin(await settingsOf(command), async (admin) => {
        const user = await admin.post<ServiceUserJson>('/service-users', { name, ...asked })
        if (json) return await printJson(user)
        await print(serviceUserFacts(user))
        await print(`\nGive it a key: postern keys create --service-user ${quoted(user.name)}`)
      })
    })
}

/** A service user for people. */
export function serviceUserFacts(user: ServiceUserJson): string {
  const { owner, backupOwner, customer, disabledAt } = user
  const pairs: [string, string][] = [
    ['service user', shown(user.name)],
    ['id', user.id],
    [
      'state',
      disabledAt === null ? 'enabled' : `disabled since ${instantAndDistance(disabledAt, Date.now())}`,
    ],
  ]
  if (owner !== null) pairs.push(['owner', shown(owner)])
  if (backupOwner !== null) pairs.push(['backup owner', shown(backupOwner)])
  if (customer !== null) pairs.push(['customer', shown(customer)])
  return facts(pairs)
}
