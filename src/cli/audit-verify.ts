import { createReadStream } from 'node:fs'
import { Command } from 'commander'
import { createVerifier, type TrailVerdict } from '../audit/verify/verify-trail.ts'
import { isPublicKey, type Checkpoint } from '../domain/checkpoint.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { instant, shown } from './terminal.ts'

interface Options {
  key: string[]
  partial?: true
  json?: true
}

/** A line that is longer than that is none of ours, and fills no memory. */
const longestLine = 8 * 1024 * 1024

/** `postern audit verify`: offline, from files alone. */
export function auditVerifyCommand(): Command {
  return new Command('verify')
    .argument(
      '<file...>',
      'an export with --format sealed, or what a sink wrote; then, for its end, checkpoints',
    )
    .description(
      'check that an exported trail is as it was sealed and signed; exit code 1 where it is not, naming what does not fit',
    )
    .option(
      '--key <public>',
      'the public key of checkpoints (postern audit checkpoint-key), repeatable',
      collect,
      [],
    )
    .option('--partial', 'the file begins in the middle or is still written: as a sink leaves it')
    .option('--json', 'print JSON')
    .action(async (files: string[], { key: keys, partial, json }: Options) => {
      for (const key of keys)
        if (!isPublicKey(key))
          throw new CommandFailed('--key must be a public key as postern audit checkpoint-key prints it', 2)
      const isPartial = partial === true
      const verifier = createVerifier({ keys, isPartial })
      let lastIsWhole = true
      for (const [index, file] of files.entries()) {
        if (index > 0) verifier.nextFile()
        // oxlint-disable-next-line no-await-in-loop -- one file continues the one before
        lastIsWhole = await readLines(file, (line) => verifier.read(line))
      }
      const verdict = verifier.end(lastIsWhole)
      await (json ? printJson(jsonOf(verdict, keys)) : print(wordsOf(verdict, keys, isPartial)))
      if (verdict.fault !== null) process.exitCode = 1
    })
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

/** Each line as it comes, until `take` has enough; whether the last one had its line break. */
async function readLines(path: string, take: (line: string) => boolean): Promise<boolean> {
  let rest: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let start = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        const line = Buffer.concat([...rest, chunk.subarray(start, end)])
        rest = []
        length = 0
        start = end + 1
        if (!take(textOf(line))) return true
      }
      rest.push(chunk.subarray(start))
      length += chunk.length - start
      if (length > longestLine) return take('')
    }
  } catch (error) {
    throw new CommandFailed(
      `${path} can't be read: ${error instanceof Error ? error.message : String(error)}`,
      2,
    )
  }
  return length === 0
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes that are no UTF-8 are no line. */
function textOf(line: Buffer): string {
  try {
    return decoder.decode(line)
  } catch {
    return ''
  }
}

function jsonOf(verdict: TrailVerdict, keys: readonly string[]) {
  const { fault, first, last, ...counts } = verdict
  return {
    verified: fault === null,
    fault: fault === null ? null : { code: fault.code, line: fault.line, message: fault.message },
    signedBy: keys.length > 0 ? 'given' : 'unproven',
    first: checkpointJson(first),
    last: checkpointJson(last),
    ...counts,
  }
}

function checkpointJson(checkpoint: Checkpoint | null) {
  if (checkpoint === null) return null
  const { number, at, keepsFrom } = checkpoint
  return { number, at: new Date(at).toISOString(), keepsFrom: new Date(keepsFrom).toISOString() }
}

function wordsOf(verdict: TrailVerdict, keys: readonly string[], isPartial: boolean): string {
  const { fault, calls, ends, batches, writers, checkpoints, goneRows, last } = verdict
  const lines: string[] = []
  if (fault === null) lines.push('All of it fits.')
  else
    lines.push(
      `${fault.line === 0 ? 'The end' : `Line ${fault.line}`} does not fit (${fault.code}): ${shown(fault.message)}`,
    )
  lines.push(
    `${fault === null ? 'Read' : 'Until there'}: ${calls} calls and ${ends} ends in ${batches} batches of ${writers} writers, ${checkpoints} checkpoints.`,
  )
  if (goneRows > 0)
    lines.push(
      `Of them ${goneRows} rows are gone by retention: that they were there is proven, and not what they were.`,
    )
  if (verdict.repeatedBatches > 0) lines.push(`${verdict.repeatedBatches} batches stand there twice.`)
  if (verdict.uncoveredBatches > 0)
    lines.push(
      `The last ${verdict.uncoveredBatches} batches have no checkpoint yet: whoever can write to the database could have made them anew.`,
    )
  if (fault === null) lines.push(...provenWords(verdict, keys, isPartial))
  else if (last !== null)
    lines.push(`Up to checkpoint ${last.number} of ${timeOf(last.at)} all was as it was signed.`)
  return lines.join('\n')
}

const timeOf = (ms: number) => instant(new Date(ms).toISOString())

function provenWords(
  { last, first, keys: used }: TrailVerdict,
  keys: readonly string[],
  isPartial: boolean,
): string[] {
  if (last === null || first === null)
    return ['Without a checkpoint this proves only that the rows fit their seals.']
  const lines = [
    `Proven: none of it was edited, deleted or added since it was signed, up to checkpoint ${last.number} of ${timeOf(last.at)}. What came after it is not here: compare that number with the newest checkpoint that you know.`,
  ]
  if (isPartial)
    lines.push('Not proven: that anything before its beginning, or after its end, is not missing.')
  if (keys.length === 0)
    lines.push(
      `Not proven: who signed. It was ${used.map(shown).join(', ')}: give your own key by --key, or whoever edited the file may have signed it anew.`,
    )
  return lines
}
