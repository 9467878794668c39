import { Command } from 'commander'
import type { KeyJson, RotationJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { keyId } from './key-id.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { facts, instantAndDistance, shown, shownShort, table } from './terminal.ts'

/** `postern keys rotation`. */
export function keysRotationCommand(): Command {
  return new Command('rotation')
    .description('show the rotation of a key: who still uses the old one, and whether it is safe to end it')
    .argument('<id>', 'the id of the old key or of the new one')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json }: { json?: true }, command: Command) => {
      const id = keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const rotation = await admin.get<RotationJson>(`/keys/${id}/rotation`)
        await (json ? printJson(rotation) : print(wordsOf(rotation, Date.now())))
      })
    })
}

type Usage = RotationJson['usage']['predecessor']

function wordsOf({ predecessor, successor, endsAt, usage, safeToEnd }: RotationJson, now: number): string {
  const rows = [row('old', predecessor, usage.predecessor, now)]
  if (successor !== null && usage.successor !== null) rows.push(row('new', successor, usage.successor, now))
  const headings = ['', 'STATE', 'STARTS WITH', 'CALLS IN 24 H', 'LAST USED', 'FROM', 'CLIENT', 'ID']
  const lines = [table(headings, rows)]
  const { tools } = usage.predecessor
  if (tools.length > 0) {
    const called = tools.map(({ tool, calls }) => `${shownShort(tool)} (${calls})`)
    lines.push('', `Tools called with the old key in the last 24 hours: ${called.join(', ')}`)
  }
  lines.push('', facts([['the old key ends', instantAndDistance(endsAt, now)]]))
  if (successor === null)
    lines.push(
      `The new key is revoked. Unless it was rotated before, the old one can go on: postern keys undo-rotation ${predecessor.id}`,
    )
  else if (predecessor.state === 'retiring')
    lines.push(
      safeToEnd
        ? `Safe to end: nobody used the old key in the last 24 hours. postern keys end-overlap ${predecessor.id}`
        : 'Not safe to end: the old key is still in use.',
    )
  return lines.join('\n')
}

function row(which: string, key: KeyJson, usage: Usage, now: number): string[] {
  return [
    which,
    key.state,
    shown(key.start),
    String(usage.calls),
    usage.lastUsedAt === null ? 'never' : instantAndDistance(usage.lastUsedAt, now),
    shownShort(usage.lastAddress),
    shownShort(usage.lastClient, 30),
    key.id,
  ]
}
