/** Why a command did not do what it was asked: one line for people, and the exit code. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  /** 1: refused or failed. 2: used in a wrong way. */
  readonly exitCode: 1 | 2
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message)
    this.exitCode = exitCode
  }
}
