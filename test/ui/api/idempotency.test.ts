import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSubmitKeys, newIdempotencyKey } from '../../../ui/src/api/idempotency.ts'

function counting() {
  let count = 0
  return createSubmitKeys(() => `key-${++count}`)
}

describe('the Idempotency-Key of a form', () => {
  it('is kept while the same is sent again and no answer said that it was done', () => {
    const keys = counting()
    expect([keys.keyFor({ name: 'a' }), keys.keyFor({ name: 'a' })]).toEqual(['key-1', 'key-1'])
  })

  it('is another once it was done, so that the same form makes a second thing', () => {
    const keys = counting()
    const first = keys.keyFor({ name: 'a' })
    keys.done()
    expect(keys.keyFor({ name: 'a' })).not.toBe(first)
  })

  it('never stands for two inputs', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 20 }), (inputs) => {
        const keys = counting()
        const inputOf = new Map<string, string>()
        for (const input of inputs) {
          const key = keys.keyFor(input)
          const text = JSON.stringify(input)
          expect(inputOf.get(key) ?? text).toBe(text)
          inputOf.set(key, text)
        }
      }),
    )
  })

  it('is 128 bits, in hex', () => {
    expect(newIdempotencyKey()).toMatch(/^[0-9a-f]{32}$/)
    expect(newIdempotencyKey()).not.toBe(newIdempotencyKey())
  })
})
