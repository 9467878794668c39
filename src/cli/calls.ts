import { Option, type Command } from 'commander'
import type { CallJson } from '../admin/schemas-audit.ts'
import type { PageJson } from '../admin/schemas-common.ts'
import type { ServiceUserJson } from '../admin/schemas-service-users.ts'
import { outcomes } from '../domain/call.ts'
import type { Admin } from './connect.ts'
import { instant, shown, shownShort } from './terminal.ts'

/** Which calls of the trail to show. */
export interface CallFilter {
  key?: string
  serviceUser?: string
  tool?: string
  outcome?: string
}

/** Adds the options of {@link CallFilter}. */
export function withCallFilter(command: Command): Command {
  return command
    .option('--key <id>', 'only calls with this key')
    .option('--service-user <name>', 'only calls of this service user, by name or id')
    .option('--tool <name>', 'only calls of this tool')
    .addOption(new Option('--outcome <outcome>', 'only calls that ended so').choices(outcomes))
}

export const callHeadings = ['TIME', 'OUTCOME', 'STATUS', 'SERVICE USER', 'CALL', 'MS', 'FROM', 'WHY']

/** One call as cells under {@link callHeadings}. */
export function callCells(call: CallJson, names: ReadonlyMap<string, string>): string[] {
  const name = call.serviceUserId === null ? undefined : names.get(call.serviceUserId)
  const who = name === undefined ? shownShort(call.principal) : shown(name)
  const what = call.tool ?? call.method ?? `${call.httpMethod ?? '?'} ${call.path ?? '?'}`
  return [
    instant(call.at),
    call.count > 1 ? `${call.outcome} ×${call.count}` : call.outcome,
    call.status === null ? '–' : String(call.status),
    who,
    shownShort(what),
    call.durationMs === null ? '–' : String(Math.round(call.durationMs)),
    shownShort(call.clientAddress),
    call.reason ?? '–',
  ]
}

/** The names of all service users by id: the trail's rows hold ids. */
export async function serviceUserNames(admin: Admin): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page = await admin.get<PageJson<ServiceUserJson>>('/service-users', { limit: '200', cursor })
    for (const user of page.data) names.set(user.id, user.name)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return names
}
