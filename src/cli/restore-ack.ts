import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { RestoreAcknowledgedJson } from '../admin/schemas-nodes.ts'
import type { SignedCheckpoint } from '../domain/checkpoint.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { instant, shown } from './terminal.ts'

interface Options {
  reason: string
  checkpoint?: string
  json?: true
}

/** `postern restore-ack`. */
export function restoreAckCommand(): Command {
  return new Command('restore-ack')
    .description(
      'say that a restore of the database, or a failover that lost changes, is known of: nodes that refuse every key go on with what is there now, and keys that were revoked since the backup work again until you revoke them again',
    )
    .requiredOption('--reason <text>', 'what happened; it stands in the history')
    .option('--checkpoint <file>', 'the newest exported checkpoint, to learn what was lost')
    .option('--json', 'print JSON')
    .action(async ({ reason, checkpoint, json }: Options, command: Command) => {
      const signed = checkpoint === undefined ? null : newestCheckpoint(checkpoint)
      await withAdmin(await settingsOf(command), async (admin) => {
        const body = { reason, ...(signed === null ? {} : { checkpoint: signed }) }
        const done = await admin.post<RestoreAcknowledgedJson>('/restore-acknowledgements', body)
        await (json ? printJson(done) : print(linesOf(done)))
      })
    })
}

/** The last checkpoint of a file: one, or an export's lines. */
function newestCheckpoint(file: string): SignedCheckpoint {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandFailed(
      `${file} can't be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  for (const line of text.split('\n').toReversed()) {
    const signed = signedIn(line)
    if (signed !== null) return signed
  }
  throw new CommandFailed(`${file} holds no checkpoint`)
}

function signedIn(line: string): SignedCheckpoint | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { text, signature, key } = (
    'checkpoint' in value ? value.checkpoint : value
  ) as Partial<SignedCheckpoint>
  return typeof text === 'string' && typeof signature === 'string' && typeof key === 'string'
    ? { text, signature, key }
    : null
}

function linesOf({ before, epoch, lostChanges, checkpoint }: RestoreAcknowledgedJson): string {
  const lines = [
    `The epoch was ${before} and is ${epoch}: nodes that refused go on within a second, with nothing cached.`,
    lostChanges === 0
      ? 'No change after the backup is known of. Nodes that were not running, and had no memory of it, can’t tell.'
      : `At least ${lostChanges} change(s) to keys and service users after the backup are lost: revoke again what was revoked then.`,
  ]
  if (checkpoint === null) return lines.join('\n')
  const lost = checkpoint.batches.filter(({ found }) => found !== 'same')
  lines.push(
    `Checkpoint ${checkpoint.number} of ${instant(checkpoint.at)}, signed by ${checkpoint.key}, knew change ${checkpoint.epoch}.`,
    lost.length === 0
      ? 'The trail has every batch that it names.'
      : `The trail lacks what it had then, of ${lost.length} of ${checkpoint.batches.length} writer(s):`,
    ...lost.map(
      ({ writer, number, found }) =>
        `  ${shown(writer)}: batch ${number} is ${found === 'missing' ? 'not there' : 'another one'}`,
    ),
  )
  return lines.join('\n')
}
