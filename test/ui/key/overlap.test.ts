import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDurationMs } from '../../../src/domain/duration.ts'
import { durationArgument, overlapChoices, spanWords, typedDuration } from '../../../ui/src/key/overlap.ts'

const dayMs = 86_400_000
const span = fc.integer({ min: 0, max: 400 * 86_400 }).map((seconds) => seconds * 1000)

describe('how long a rotated key goes on', () => {
  it('offers now, 1 hour, 24 hours and 7 days, the policy’s own being marked', () => {
    const choices = overlapChoices({ overlapMs: 7 * dayMs, maxOverlapMs: 30 * dayMs })
    expect(choices.map(({ text, isDefault }) => [text, isDefault])).toEqual([
      ['0', false],
      ['1h', false],
      ['24h', false],
      ['7d', true],
    ])
  })

  it('offers nothing that the policy refuses, and always its default', () => {
    fc.assert(
      fc.property(span, span, (one, other) => {
        const [overlapMs = 0, maxOverlapMs = 0] = [one, other].toSorted((a, b) => a - b)
        const choices = overlapChoices({ overlapMs, maxOverlapMs })
        expect(choices.every((choice) => choice.overlapMs <= maxOverlapMs)).toBe(true)
        expect(choices.filter(({ isDefault }) => isDefault)).toHaveLength(1)
      }),
    )
  })

  it('is said to the server as the span that was chosen', () => {
    fc.assert(
      fc.property(span, (ms) => {
        const text = durationArgument(ms)
        expect(ms === 0 ? text : parseDurationMs(text)).toBe(ms === 0 ? '0' : ms)
        expect(spanWords(ms)).toMatch(/^(now|\d+ [a-z]+)$/)
      }),
    )
  })

  it('takes what people type for a span, and leaves what it doesn’t know to the server', () => {
    for (const [typed, meant] of [
      ['36h', '36h'],
      [' 36 H ', '36h'],
      ['3 days', '3d'],
      ['1 day', '1d'],
      ['90 min', '90m'],
      ['soon', 'soon'],
      ['-3d', '-3d'],
      ['3 constructor', '3 constructor'],
    ] as const)
      expect(typedDuration(typed)).toBe(meant)
  })
})
