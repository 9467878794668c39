import { describe, expect, it } from 'vitest'
import { accessWords } from '../../../ui/src/create/access-words.ts'

const words = (tools: string[] | null, deny = false, addresses: string[] | null = null) =>
  accessWords({ tools, addresses }, deny)

describe('the sentence of what a new key may do', () => {
  it.each([
    [null, false, 'It may call every tool, those that are added later too, from any address.'],
    [null, true, 'It may call no tool at all, from any address.'],
    [[], false, 'It may call no tool at all, from any address.'],
    [['*'], true, 'It may call every tool, those that are added later too, from any address.'],
    [['*', '!a'], true, 'It may call every tool, but never a, from any address.'],
    [['get_weather'], false, 'It may call only the tool get_weather, from any address.'],
    [['forecast_*'], true, 'It may call only tools named forecast_*, from any address.'],
    [['a', 'b_*', '!b_c'], false, 'It may call only tools named a and b_*, but never b_c, from any address.'],
    [['!b_*'], false, 'It may call every tool but b_*, those that are added later too, from any address.'],
    [['!b_*'], true, 'It may call every tool but b_*, those that are added later too, from any address.'],
  ])('with %j, denied by default %s: %s', (tools, deny, sentence) => {
    expect(words(tools, deny)).toBe(sentence)
  })

  it('names the addresses, and counts those that are too many to name', () => {
    expect(words(['a'], false, ['10.0.0.0/8', '::1'])).toBe(
      'It may call only the tool a, from 10.0.0.0/8 and ::1 only.',
    )
    expect(words(['a', 'b', 'c', 'd', 'e', 'f'])).toBe(
      'It may call only tools named a, b, c, d and 2 more, from any address.',
    )
  })
})
