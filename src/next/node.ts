import { setTimeout as setTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import type { Recorder } from '../audit/recorder.ts'
import type { Config } from '../config.ts'
import type { Postern } from '../postern.ts'
import { createPostern } from '../postern.ts'
import type { Held } from '../postern/hold.ts'
import { holdDirectory } from '../postern/hold.ts'
import { settle } from './place.ts'
import { processWide } from './process-wide.ts'

/** The started Postern of this process. */
export interface Node {
  postern: Postern
  recorder: Recorder
  /** Resolves when no row waits for the database any more, or after a few seconds. */
  drained(): Promise<void>
}

interface Slot {
  /** The settings that it was opened with, as text. */
  settings: string
  opening: Promise<Opened>
  failedAtMs: number | null
}

interface Opened extends Node {
  held: Held
}

const shared = processWide<{ slot?: Slot }>('node', () => ({}))

/** After a failure the next attempt waits so long, in milliseconds: each opens a database. */
const retryAfterMs = 1000
const drainMs = 5000
/** How long calls under way may take once a stop is asked for, in milliseconds. */
const stopGraceMs = 10_000
const drainCheckMs = 10

/**
 * The process's Postern, opened by whoever needs it first. `settings` is the configuration as text, to tell one
 * from another. Rejects where it can't be opened.
 */
export function useNode(config: Config, settings: string): Promise<Node> {
  const { slot } = shared
  if (slot !== undefined && slot.settings === settings) {
    const isOver = slot.failedAtMs !== null && performance.now() - slot.failedAtMs > retryAfterMs
    if (!isOver) return slot.opening
  }
  if (slot !== undefined && slot.settings !== settings && process.env['NODE_ENV'] === 'production')
    return Promise.reject(
      new Error('createPostern was called with two different settings: call it once, in a module of its own'),
    )
  const fresh: Slot = { settings, opening: open(config, slot), failedAtMs: null }
  fresh.opening.catch((error: unknown) => {
    fresh.failedAtMs = performance.now()
    // Once for each attempt; before it there is no log of ours.
    console.error('Postern cannot be opened:', error instanceof Error ? error.message : error)
  })
  shared.slot = fresh
  return fresh.opening
}

/** Where the settings were edited in development, what ran with the old ones ends first. */
async function open(config: Config, before: Slot | undefined): Promise<Opened> {
  const previous = await before?.opening.catch(() => null)
  await previous?.held.close()
  const postern = createPostern(settle(config, process.env))
  const held = await holdDirectory(postern)
  process.once('exit', held.abandon)
  // Next ends when nothing keeps the process any more, and a socket that it forgot (an upgrade) would keep it with ours.
  const closeLater = () => setTimer(() => void held.close(), stopGraceMs).unref()
  process.once('SIGTERM', closeLater)
  process.once('SIGINT', closeLater)
  return {
    postern,
    recorder: held.recorder,
    drained: () => untilEmpty(held.recorder),
    held: {
      ...held,
      async close() {
        process.off('exit', held.abandon)
        process.off('SIGTERM', closeLater)
        process.off('SIGINT', closeLater)
        await held.close()
      },
    },
  }
}

async function untilEmpty(recorder: Recorder): Promise<void> {
  const startedMs = performance.now()
  while (recorder.backlog() > 0 && performance.now() - startedMs < drainMs) await setTimeout(drainCheckMs)
}
