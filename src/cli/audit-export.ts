import { once } from 'node:events'
import { Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { cursorAfter } from '../store/cursor.ts'
import { withCallFilter, type CallFilter } from './calls.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { resumeFile, type ExportFormat } from './resume-file.ts'
import { settingsOf } from './settings.ts'

interface Options extends CallFilter {
  format: ExportFormat
  from?: string
  to?: string
  after?: string
  resume?: string
}

const formats: readonly ExportFormat[] = ['jsonl', 'csv', 'sealed']

/** `postern audit export`. */
export function auditExportCommand(): Command {
  return withCallFilter(new Command('export'))
    .description(
      'write calls and denials to stdout: newest first as JSON Lines or CSV, or sealed, for `postern audit verify`',
    )
    .addOption(
      new Option('--format <format>', 'jsonl, csv for a spreadsheet, or sealed for verification')
        .choices(formats)
        .default('jsonl'),
    )
    .option('--from <when>', 'only calls from this RFC 3339 instant, or the start of this date, UTC')
    .option('--to <when>', 'only calls before this RFC 3339 instant, or the end of this date, UTC')
    .option('--after <place>', 'go on behind the row with this id; sealed: behind this checkpoint, 0 for all')
    .option('--resume <file>', 'write to this file, and go on where an export to it broke off')
    .action(async (options: Options, command: Command) => {
      const { after, resume, ...query } = options
      if (after !== undefined && resume !== undefined)
        throw new CommandFailed('--after and --resume are two ways to say where to go on: give one', 2)
      const config = await settingsOf(command)
      if (resume === undefined) return await download(config, query, after ?? null, toStdout)
      const { file, after: reached } = await resumeFile(resume, query.format)
      try {
        await download(config, query, reached, (piece) => file.appendFile(piece))
        await file.sync()
      } finally {
        await file.close()
      }
    })
}

async function download(
  config: Config,
  { format, ...filter }: Omit<Options, 'after' | 'resume'>,
  after: string | null,
  write: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const isSealed = format === 'sealed'
  if (isSealed && Object.values(filter).some((value) => value !== undefined))
    throw new CommandFailed('an export for verification has all of the trail: leave the filters out', 2)
  const place = after === null ? {} : isSealed ? { after } : { cursor: cursorOf(after) }
  await withAdmin(config, async (admin) => {
    const pieces = await admin.download(
      isSealed ? '/audit/sealed' : '/audit/export',
      isSealed ? place : { format, ...filter, ...place },
    )
    try {
      for await (const piece of pieces) await write(piece)
    } catch (error) {
      const isDisk = error instanceof Error && 'syscall' in error && error.syscall === 'write'
      throw new CommandFailed(
        `the export broke off: what was written is not all of it; --resume FILE goes on${isDisk ? ` (${error.message})` : ''}`,
      )
    }
  })
}

/** No more in memory than a reader takes. */
async function toStdout(piece: Uint8Array): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
}

/** The id of a row, or the cursor that stands for it. */
function cursorOf(after: string): string {
  return after.includes('-') && after.length === 36 ? cursorAfter(after.toLowerCase()) : after
}
