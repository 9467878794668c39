/** What is wrong with an exported trail; each code is stable. */
export type FaultCode =
  | 'line_malformed'
  | 'row_out_of_place'
  | 'row_repeated'
  | 'row_missing'
  | 'row_added'
  | 'row_edited'
  | 'row_unsealed'
  | 'seal_edited'
  | 'seal_missing'
  | 'seal_differs'
  | 'chain_broken'
  | 'batches_missing'
  | 'batch_repeated'
  | 'writer_missing'
  | 'checkpoint_malformed'
  | 'checkpoint_edited'
  | 'checkpoint_key'
  | 'checkpoint_missing'
  | 'checkpoints_missing'

/** The first thing that doesn't fit. */
export class TrailFault extends Error {
  override readonly name = 'TrailFault'
  readonly code: FaultCode
  /** From 1, over all files in their order; 0 where it is the end that doesn't fit. */
  line: number
  constructor(code: FaultCode, message: string, line: number) {
    super(message)
    this.code = code
    this.line = line
  }
}
