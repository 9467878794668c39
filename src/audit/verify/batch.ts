import { leafOfCall, leafOfEnd, merkleRoot, sealOf, type SealRecord } from '../../domain/seal.ts'
import { idOf, type TrailLine } from '../../domain/trail-line.ts'
import { TrailFault } from './fault.ts'

export type RowLine = Extract<TrailLine, { call: unknown } | { end: unknown } | { gone: unknown }>

/** The rows since the last seal. */
export interface OpenBatch {
  writer: string
  number: number
  firstLine: number
  leaves: string[]
  calls: number
  ends: number
  /** How many of them are gone, and only their leaves are there. */
  gone: number
  lastIsEnd: boolean
  lastId: string
}

/** Adds a row to the batch that is open, or opens one with it. Throws a {@link TrailFault} where it has no place there. */
export function addRow(open: OpenBatch | null, row: RowLine, line: number): OpenBatch {
  const { writer, batch: number } = 'call' in row ? row.call : 'end' in row ? row.end : row.gone
  const isEnd = 'end' in row || ('gone' in row && row.gone.kind === 'end')
  const id = idOf(row)
  const batch = open ?? {
    ...{ writer, number, firstLine: line, leaves: [], calls: 0, ends: 0, gone: 0 },
    ...{ lastIsEnd: false, lastId: '' },
  }
  if (batch.writer !== writer || batch.number !== number)
    throw new TrailFault(
      'row_out_of_place',
      `the row ${id} says that it is of ${placeOf(writer, number)}, and stands among those of ${placeOf(batch.writer, batch.number)}: it was moved, or the seal of that batch is missing`,
      line,
    )
  if (isEnd === batch.lastIsEnd ? id === batch.lastId : false)
    throw new TrailFault('row_repeated', `the row ${id} stands there twice`, line)
  if (isEnd === batch.lastIsEnd ? id < batch.lastId : batch.lastIsEnd)
    throw new TrailFault('row_out_of_place', `the row ${id} stands after one that comes later`, line)
  batch.leaves.push('call' in row ? leafOfCall(row.call) : 'end' in row ? leafOfEnd(row.end) : row.gone.leaf)
  batch.lastIsEnd = isEnd
  batch.lastId = id
  if (isEnd) batch.ends++
  else batch.calls++
  if ('gone' in row) batch.gone++
  return batch
}

/**
 * Holds a seal against the rows before it. True where none of them is there, which only retention may have done.
 * Throws a {@link TrailFault}.
 */
export function checkSeal(open: OpenBatch | null, seal: SealRecord, line: number): boolean {
  const name = placeOf(seal.writer, seal.number)
  if (sealOf(seal) !== seal.seal)
    throw new TrailFault('seal_edited', `the seal of ${name} is not that of its fields`, line)
  if (open === null) return seal.calls + seal.ends > 0
  if (open.writer !== seal.writer || open.number !== seal.number)
    throw new TrailFault(
      'row_out_of_place',
      `rows of ${placeOf(open.writer, open.number)} stand before the seal of ${name}`,
      open.firstLine,
    )
  const [sealed, there] = [seal.calls + seal.ends, open.calls + open.ends]
  const rows = `the ${there} rows from line ${open.firstLine} on`
  if (there < sealed)
    throw new TrailFault(
      'row_missing',
      `${name} was sealed with ${sealed} rows, and ${sealed - there} of them are missing among ${rows}`,
      open.firstLine,
    )
  if (there > sealed)
    throw new TrailFault(
      'row_added',
      `${name} was sealed with ${sealed} rows, and ${there - sealed} were added among ${rows}`,
      open.firstLine,
    )
  if (open.calls !== seal.calls || merkleRoot(open.leaves) !== seal.root)
    throw new TrailFault('row_edited', `of ${name}, ${rows} are not as they were sealed`, open.firstLine)
  return false
}

/** How messages name a batch. */
export function placeOf(writer: string, number: number): string {
  return `batch ${number} of the writer ${writer}`
}
