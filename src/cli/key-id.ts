import { isId } from '../domain/id.ts'
import { CommandFailed } from './failure.ts'

/** A key's id as an argument. Anything else goes nowhere and is not repeated: it may be the token itself. */
export function keyId(argument: string): string {
  const id = argument.trim().toLowerCase()
  if (!isId(id))
    throw new CommandFailed('that is no id of a key: `postern keys list` shows the ids (not_found)')
  return id
}
