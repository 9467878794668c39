import { readdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { CallRecord, EndRecord } from '../domain/call.ts'
import { readLine } from './spool-line.ts'

/** What a file of the spool holds, each call once and as it was known last. */
export interface LeftBehind {
  calls: CallRecord[]
  ends: EndRecord[]
  /** Lines that are no rows, other than a torn last one, which belongs to a call that never went on. */
  corruptLines: number
}

const segmentEnd = '.jsonl'
const setAsideEnd = '.corrupt'

/**
 * The files that runs other than `boot` left in the directory, the newest of a run first: what became of a call is in a later
 * file than its intent, and the trail keeps the row that comes first.
 */
export function filesLeftBehind(directory: string, boot: string | null): string[] {
  return namesIn(directory)
    .filter((name) => name.endsWith(segmentEnd) && (boot === null || !name.startsWith(`${boot}-`)))
    .sort()
    .toReversed()
    .map((name) => join(directory, name))
}

/** The files that could not be replayed whole, of this run and of earlier ones: a person has to look. */
export function filesSetAside(directory: string): string[] {
  return namesIn(directory)
    .filter((name) => name.endsWith(segmentEnd + setAsideEnd))
    .sort()
    .map((name) => join(directory, name))
}

export function readLeftBehind(path: string): LeftBehind {
  const lines = readFileSync(path, 'utf8').split('\n')
  const torn = lines.pop() ?? ''
  const calls = new Map<string, CallRecord>()
  const ends = new Map<string, EndRecord>()
  const take = (text: string): boolean => {
    const line = readLine(text)
    if (line === null) return false
    if ('call' in line) calls.set(line.call.id, line.call)
    else ends.set(line.end.callId, line.end)
    return true
  }
  const corruptLines = lines.filter((text) => !take(text)).length
  // Whole, but for its line break: then it counts.
  take(torn)
  return { calls: [...calls.values()], ends: [...ends.values()], corruptLines }
}

/** Removes a file whose rows the trail has, all of them. */
export function remove(path: string): void {
  unlinkSync(path)
}

/** Keeps a file that could not be replayed whole, for people; answers where. */
export function setAside(path: string): string {
  const aside = path + setAsideEnd
  renameSync(path, aside)
  return aside
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
