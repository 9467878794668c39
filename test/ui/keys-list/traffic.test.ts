import { describe, expect, it } from 'vitest'
import { trafficWords } from '../../../ui/src/keys-list/traffic.ts'

describe('the traffic of a key', () => {
  it('is put into words for whoever cannot see the bars', () => {
    expect(trafficWords(0, 0)).toBe('No calls in 30 days')
    expect(trafficWords(1, 0)).toBe('1 call in 30 days, none refused')
    expect(trafficWords(1204, 3)).toBe('1,204 calls in 30 days, 3 refused')
  })
})
