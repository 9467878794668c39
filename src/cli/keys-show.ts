import { Command } from 'commander'
import type { KeyJson, ShownKeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { limitFacts } from './limits.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { facts, instant, instantAndDistance, shown, table } from './terminal.ts'

/** `postern keys show`. */
export function keysShowCommand(): Command {
  return new Command('show')
    .description('show a service key and what was done to it')
    .argument('<id>', 'the id of the key')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json }: { json?: true }, command: Command) => {
      const id = keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const key = await admin.get<ShownKeyJson>(`/keys/${id}`)
        if (json) return await printJson(key)
        const history = key.history.map((change) => [
          instant(change.at),
          change.what,
          shown(change.actor),
          change.reason === null ? '–' : shown(change.reason),
        ])
        await print(`${keyFacts(key)}\n\n${table(['WHEN', 'WHAT', 'BY', 'WHY'], history)}`)
      })
    })
}

/** A key for people. */
export function keyFacts(key: KeyJson): string {
  const now = Date.now()
  const more: [string, string][] = []
  if (key.retiresAt !== null) more.push(['rotated, works until', instantAndDistance(key.retiresAt, now)])
  if (key.predecessorId !== null) more.push(['successor of', key.predecessorId])
  if (key.mintedBy !== null) more.push(['made by itself as', key.mintedBy])
  if (key.familyEndsAt !== null)
    more.push(['may rotate itself until', instantAndDistance(key.familyEndsAt, now)])
  if (key.revokedAt !== null)
    more.push(['revoked', `${instantAndDistance(key.revokedAt, now)}: ${shown(key.revokedReason ?? '')}`])
  return facts([
    ['key', shown(key.name)],
    ['id', key.id],
    ['starts with', shown(key.start)],
    ['of', shown(key.serviceUser)],
    ['state', key.state],
    ['created', `${instantAndDistance(key.createdAt, now)} by ${shown(key.createdBy)}`],
    ['expires', instantAndDistance(key.expiresAt, now)],
    ...limitFacts(key),
    ['last used', key.lastUsedAt === null ? 'never' : instantAndDistance(key.lastUsedAt, now)],
    ...more,
  ])
}
