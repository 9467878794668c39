import { Command } from 'commander'
import type { IssuedKeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import {
  addressHelp,
  askedLimits,
  limitFacts,
  repeated,
  toolHelp,
  withUseOptions,
  type UseOptions,
} from './limits.ts'
import { showOnce } from './secret-once.ts'
import { settingsOf } from './settings.ts'
import { facts, instantAndDistance, shown } from './terminal.ts'

interface Options extends UseOptions {
  serviceUser: string
  name?: string
  expires?: string
  tool: string[]
  address: string[]
  selfRotate?: true
  json?: true
}

/** `postern keys create`. */
export function keysCreateCommand(): Command {
  const command = new Command('create')
    .description('issue a service key; its secret is shown once')
    .requiredOption('--service-user <name>', 'the service user that it belongs to, by name or id')
    .option('--name <label>', 'what to call the key')
    .option('--expires <when>', 'a duration (180d), a date (2027-06-01: its end, UTC) or an RFC 3339 instant')
    .option('--tool <pattern>', toolHelp, repeated, [])
    .option('--address <cidr>', addressHelp, repeated, [])
  return withUseOptions(command)
    .option('--self-rotate', 'let the key rotate itself, with its own secret')
    .option('--json', 'print JSON, the secret included')
    .action(
      async (
        { json, tool, address, serviceUser, name, expires, selfRotate, ...use }: Options,
        run: Command,
      ) => {
        const limits = askedLimits(use, null)
        const asked = {
          serviceUser,
          name,
          expires,
          selfRotate,
          ...(limits === null ? {} : { limits }),
          ...(tool.length === 0 ? {} : { tools: tool }),
          ...(address.length === 0 ? {} : { addresses: address }),
        }
        const config = await settingsOf(run)
        await withAdmin(config, (admin) =>
          showOnce(() => admin.post<IssuedKeyJson>('/keys', asked), factsOf, { config, json }),
        )
      },
    )
}

function factsOf(key: IssuedKeyJson): string {
  return facts([
    ['key', shown(key.name)],
    ['id', key.id],
    ['of', shown(key.serviceUser)],
    ['expires', instantAndDistance(key.expiresAt, Date.now())],
    ...limitFacts(key),
    ...(key.familyEndsAt === null
      ? []
      : [['may rotate itself until', instantAndDistance(key.familyEndsAt, Date.now())] as const]),
  ])
}
