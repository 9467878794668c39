import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, test } from 'vitest'
import type { Begun, Finish } from '../../src/audit/recorder.ts'
import { endingPlaces, limitedUse } from '../../src/front/limited.ts'
import type { Within } from '../../src/limits/limiter.ts'

const over: Finish = { outcome: 'succeeded', reason: null, status: 200, durationMs: 1 }

function holding() {
  const ended: string[] = []
  const within: Within = {
    reason: null,
    holdsPlaces: true,
    end: () => void ended.push('end'),
    undo: () => void ended.push('undo'),
  }
  return { ended, within }
}

function begunWith(part: Partial<Begun> = {}): Begun {
  return { finish: () => Promise.resolve(true), open: () => Promise.resolve(true), end: () => {}, ...part }
}

describe('places are free', () => {
  test.each<[string, Partial<Begun>, (begun: Begun) => unknown]>([
    ['when an answer is finished', {}, (begun) => begun.finish(over)],
    [
      'when it can not be',
      { finish: () => Promise.reject(new Error('ENOSPC')) },
      (begun) => begun.finish(over),
    ],
    [
      'when a stream can not be opened',
      { open: () => Promise.reject(new Error('ENOSPC')) },
      (begun) => begun.open(200),
    ],
    ['when a stream ends', {}, (begun) => begun.end(over)],
  ])('%s', async (_, part, act) => {
    const { ended, within } = holding()
    await Promise.resolve(act(endingPlaces(begunWith(part), within))).catch(() => {})
    expect(ended).toEqual(['end'])
  })

  it('but not while a stream is open, nor before the answer’s row is committed', async () => {
    const { ended, within } = holding()
    let commit: (safe: boolean) => void = () => {}
    const finish = () =>
      new Promise<boolean>((resolve) => {
        commit = resolve
      })
    const begun = endingPlaces(begunWith({ finish }), within)
    expect(await begun.open(200)).toBe(true)
    const finished = begun.finish(over)
    expect(ended).toEqual([])
    commit(true)
    await finished
    expect(ended).toEqual(['end'])
  })

  it('when nothing holds a request any more that never ended', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const { ended, within } = holding()
    ;(() => void endingPlaces(begunWith(), within))()
    await expect
      .poll(() => {
        collect()
        return ended
      })
      .toEqual(['end'])
  })
})

const message = (method: string | null, target: string | null = null) => ({ method, target })
const mcp = (messages: ReturnType<typeof message>[] | 'unseen') => ({ routeTools: null, messages }) as const

describe('what a request counts as', () => {
  test.each<[string, Parameters<typeof limitedUse>[0]['of'], object]>([
    ['a plain request', 'http', { calls: 1, places: 1, tools: [] }],
    ['what nobody read', mcp('unseen'), { calls: 1, places: 1, tools: [] }],
    ['a call', mcp([message('tools/call', 'a')]), { calls: 1, places: 1, tools: ['a'] }],
    [
      'a resource of a tool’s name',
      mcp([message('resources/read', 'a')]),
      { calls: 1, places: 1, tools: [] },
    ],
    ['a stream, or an answer to the server', mcp([]), { calls: 1, places: 0, tools: [] }],
    ['answers', mcp([message(null), message(null)]), { calls: 1, places: 0, tools: [] }],
    ['a notification', mcp([message('notifications/initialized')]), { calls: 1, places: 0, tools: [] }],
    ['a subscription', mcp([message('subscriptions/listen')]), { calls: 1, places: 0, tools: [] }],
    [
      'a batch',
      mcp([message('tools/call', 'a'), message('ping'), message(null), message('tools/call', 'a')]),
      { calls: 3, places: 3, tools: ['a', 'a'] },
    ],
  ])('%s', (_, of, counts) => {
    expect(limitedUse({ clientAddress: null, of }).counts()).toEqual(counts)
  })
})
