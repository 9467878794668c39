import { BridgeFailure } from '../contracts.ts'
import { acquireFileLock, type FileLock } from './file-lock.ts'
import { draftKeyFile, type KeyDraft } from './key-draft.ts'
import { tokenIn } from './key-form.ts'
import type { OwnKeys, Successor } from './own-key.ts'
import { codeOf, readPrivateFile, shownPath, whyOf } from './private-file.ts'

export type Renewed =
  /** The successor is in the file, for good. */
  | { kind: 'renewed'; token: string; endsAt: number | null }
  /** Another bridge is at it. */
  | { kind: 'busy' }
  /** The file holds another key than ours: another bridge, or a person, was there first. */
  | { kind: 'changed'; token: string }
  /** The file can't be written; nothing was asked for. */
  | { kind: 'blocked'; why: string; code: string }
  /** There is a successor, but the file could not be written after all. */
  | { kind: 'unsaved'; successor: Successor; why: string; code: string }
  | { kind: 'refused'; status: number; code: string }
  | { kind: 'unsure'; why: string }

export interface RenewKeyOptions {
  /** The key file, links followed. */
  path: string
  /** The key in it, as far as we know. */
  token: string
  /** A successor that is in use already, since it could not be written before; null: one is asked for. */
  unsaved: string | null
  keys: Pick<OwnKeys, 'rotate'>
  now: () => number
}

/**
 * One attempt to renew the key of a file, which holds the old key or the new one at any moment. The order is what makes it
 * safe: lock, read again, take the room on the disk, ask, write. A successor is never used before it is in the file, so
 * that whatever is lost on the way can be asked for again with the old key. Never rejects.
 */
export async function renewKey({ path, token, unsaved, keys, now }: RenewKeyOptions): Promise<Renewed> {
  let lock: FileLock | null = null
  let draft: KeyDraft | null = null
  try {
    lock = await acquireFileLock(path, now)
    if (lock === null) return { kind: 'busy' }
    const present = tokenIn((await readPrivateFile(path)).text, shownPath(path))
    if (present !== token) return { kind: 'changed', token: present }
    draft = await draftKeyFile(path, present)

    const asked = unsaved === null ? await keys.rotate(token) : null
    if (asked !== null && asked.kind !== 'answered') return asked
    const successor = asked?.value ?? null
    const next = successor?.token ?? unsaved
    // Whoever took the lock from us while this process slept asks for the same successor, and gets a newer secret.
    if (next === null || !(await lock.isOurs())) return { kind: 'busy' }
    try {
      await draft.commit(next)
    } catch (error) {
      return successor === null
        ? { kind: 'blocked', ...faultOf(error) }
        : { kind: 'unsaved', successor, ...faultOf(error) }
    }
    return { kind: 'renewed', token: next, endsAt: successor?.expiresAt ?? null }
  } catch (error) {
    return { kind: 'blocked', ...faultOf(error) }
  } finally {
    await draft?.discard()
    await lock?.release()
  }
}

function faultOf(error: unknown): { why: string; code: string } {
  if (error instanceof BridgeFailure) return { why: error.message, code: error.reason }
  return { why: whyOf(error), code: codeOf(error) }
}
