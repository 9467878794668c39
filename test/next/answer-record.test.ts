import { describe, expect, it } from 'vitest'
import type { Begun, Finish } from '../../src/audit/recorder.ts'
import { recordAnswer } from '../../src/next/answer-record.ts'
import { nobody } from '../../src/front/caller.ts'
import type { Passage } from '../../src/next/gate.ts'

const passage: Passage = {
  arrival: {
    requestId: '01890a5d-ac96-774b-bcce-b302099a8057',
    at: 0,
    startedMs: 0,
    httpMethod: 'GET',
    path: '/x',
    clientAddress: null,
    userAgent: null,
    traceId: null,
  },
  route: null,
  allowed: null,
  caller: nobody,
  calls: null,
  rpcId: null,
  resourceMetadata: null,
  issuer: null,
  limit: null,
}

/** A begun call that writes down what it is told; `isSafe` is what it answers. */
function begunCall(isSafe = true) {
  const told: [string, unknown][] = []
  let commit: () => void = () => {}
  const committed = new Promise<void>((resolve) => {
    commit = resolve
  })
  const begun: Begun = {
    async finish(finish: Finish) {
      told.push(['finish', finish.outcome])
      await committed
      return isSafe
    },
    async open(status) {
      told.push(['open', status])
      await committed
      return isSafe
    },
    end: (finish) => void told.push(['end', `${finish.outcome} ${finish.reason ?? ''}`.trim()]),
  }
  const record = (answer: Response) =>
    recordAnswer(answer, {
      begun,
      passage,
      durationMs: () => 1,
      isHead: false,
      reason: () => null,
      onStream: () => Promise.resolve(),
    })
  return { told, commit, record }
}

const events = { headers: { 'content-type': 'text/event-stream' } }

function streamOf(work: (controller: ReadableStreamDefaultController<Uint8Array>) => void): ReadableStream {
  return new ReadableStream({ start: work })
}

describe('the record of an answer', () => {
  it('is committed before the answer is handed on', async () => {
    const { commit, record } = begunCall()
    let isHandedOn = false
    const answered = record(Response.json({ a: 1 })).then((response) => {
      isHandedOn = true
      return response
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isHandedOn).toBe(false)
    commit()
    const response = await answered
    expect(await response.json()).toEqual({ a: 1 })
    expect(response.headers.get('content-type')).toBe('application/json')
  })

  it('is committed at the head of a stream, whose end is a second row', async () => {
    const { told, commit, record } = begunCall()
    commit()
    const response = await record(
      new Response(
        streamOf((controller) => {
          controller.enqueue(Buffer.from('data: 1\n\n'))
          controller.close()
        }),
        events,
      ),
    )
    expect(told).toEqual([['open', 200]])
    expect(await response.text()).toBe('data: 1\n\n')
    expect(told).toEqual([
      ['open', 200],
      ['end', 'succeeded'],
    ])
  })

  it('tells a stream that breaks off, and one whose client left', async () => {
    const broken = begunCall()
    broken.commit()
    const answer = await broken.record(
      new Response(
        new ReadableStream({
          pull: (controller) => controller.error(new Error('broken')),
        }),
        events,
      ),
    )
    await expect(answer.text()).rejects.toThrow('broken')
    expect(broken.told.at(-1)).toEqual(['end', 'failed'])

    const left = begunCall()
    left.commit()
    const stream = await left.record(
      new Response(
        streamOf(() => {}),
        events,
      ),
    )
    await stream.body?.cancel()
    expect(left.told.at(-1)).toEqual(['end', 'aborted'])
  })

  it('passes a long plain answer on as a stream, whole', async () => {
    const { told, commit, record } = begunCall()
    commit()
    const long = 'x'.repeat(300_000)
    const response = await record(
      new Response(
        streamOf((controller) => {
          for (let at = 0; at < 30; at++) controller.enqueue(Buffer.from(long.slice(0, 10_000)))
          controller.close()
        }),
      ),
    )
    expect(await response.text()).toBe(long)
    expect(told).toEqual([
      ['open', 200],
      ['end', 'succeeded'],
    ])
  })

  it('loses nothing of an answer that comes too slowly to be read whole', async () => {
    const { commit, record } = begunCall()
    commit()
    const response = await record(
      new Response(
        streamOf((controller) => {
          controller.enqueue(Buffer.from('first '))
          setTimeout(() => {
            controller.enqueue(Buffer.from('second'))
            controller.close()
          }, 150)
        }),
      ),
    )
    expect(await response.text()).toBe('first second')
  })

  it('says that a call ran which could not be recorded, and not to repeat it', async () => {
    for (const answer of [
      Response.json({}),
      new Response(
        streamOf(() => {}),
        events,
      ),
    ]) {
      const { told, commit, record } = begunCall(false)
      commit()
      const response = await record(answer)
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ code: 'executed_unrecorded' })
      expect(told.at(-1)).toEqual(['end', 'succeeded executed_unrecorded'])
    }
  })
})
