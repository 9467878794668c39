import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSessionSeal } from '../../src/mcp/sessions.ts'

const key = randomBytes(32)
const seal = createSessionSeal(() => [key])

describe('a sealed name', () => {
  it('comes back from its owner on any node, and from nobody else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (value, owner, other) => {
        const sealed = seal.seal('session', value, owner)
        expect(createSessionSeal(() => [key]).open('session', sealed, owner)).toBe(value)
        expect(seal.seal('session', value, owner)).toBe(sealed)
        if (other !== owner) expect(seal.open('session', sealed, other)).toBeNull()
        expect(seal.open('endpoint', sealed, owner)).toBeNull()
        expect(createSessionSeal(() => [randomBytes(32)]).open('session', sealed, owner)).toBeNull()
      }),
    )
  })

  it('is no other once a character of it is changed', () => {
    const sealed = seal.seal('session', 'abc-123', 'owner')
    for (let at = 0; at < sealed.length; at++) {
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`
      expect(seal.open('session', changed, 'owner')).toBeNull()
    }
    expect(seal.open('session', 'abc-123', 'owner')).toBeNull()
    expect(seal.open('session', '', 'owner')).toBeNull()
  })

  it('holds while its key is published, and goes with it', () => {
    const next = randomBytes(32)
    const sealed = seal.seal('session', 's', 'o')
    expect(createSessionSeal(() => [next, key]).open('session', sealed, 'o')).toBe('s')
    expect(createSessionSeal(() => [next]).open('session', sealed, 'o')).toBeNull()
  })
})
