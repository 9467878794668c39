import { describe, expect, test } from 'vitest'
import {
  distance,
  facts,
  instantAndDistance,
  quoted,
  shown,
  shownShort,
  table,
} from '../../src/cli/terminal.ts'

test.each([
  ['plain Müller 報告 🤖', 'plain Müller 報告 🤖'],
  ['a\u001b[2Jb', 'a\\u{1b}[2Jb'],
  ['a\r\nb\tc\0', 'a\\u{d}\\u{a}b\\u{9}c\\u{0}'],
  ['user\u202egnp.exe', 'user\\u{202e}gnp.exe'],
  ['a\u200bb\u2066c\ufeff\u2028', 'a\\u{200b}b\\u{2066}c\\u{feff}\\u{2028}'],
  ['\u009b31m', '\\u{9b}31m'],
])('nothing that is shown moves the cursor, hides or turns: %j', (text, expected) => {
  expect(shown(text)).toBe(expected)
})

test('what a stranger sent is cut after it was escaped', () => {
  expect(shownShort('\n'.repeat(50), 9)).toBe('\\u{a}\\u{…')
  expect(shownShort(null)).toBe('–')
})

test.each([
  ['reporting-bot', 'reporting-bot'],
  ['rep bot', "'rep bot'"],
  ["o'neil; rm -rf $HOME", "'o'\\''neil; rm -rf $HOME'"],
])('a suggested command can be pasted: %j', (argument, expected) => {
  expect(quoted(argument)).toBe(expected)
})

describe('distances are in whole units, rounded towards now', () => {
  const now = Date.parse('2026-11-23T12:00:00Z')
  test.each([
    [0, 'now'],
    [999, 'now'],
    [1000, 'in 1 second'],
    [-59_999, '59 seconds ago'],
    [60_000, 'in 1 minute'],
    [-7_200_000, '2 hours ago'],
    [180 * 86_400_000 - 1, 'in 179 days'],
  ])('%d ms: %s', (ms, words) => {
    expect(distance(now + ms, now)).toBe(words)
  })

  test('beside the instant with its zone', () => {
    expect(instantAndDistance('2026-11-24T12:00:00.123Z', now)).toBe('2026-11-24 12:00:00 UTC (in 1 day)')
    expect(instantAndDistance(null, now)).toBe('–')
  })
})

test('columns line up, also under wide characters', () => {
  expect(
    table(
      ['A', 'NAME', 'C'],
      [
        ['1', '報告', 'x'],
        ['22', 'e\u0301', ''],
        ['3', '🤖', 'y'],
      ],
    ),
  ).toBe(['A   NAME  C', '1   報告  x', '22  e\u0301', '3   🤖    y'].join('\n'))
  expect(
    facts([
      ['id', '1'],
      ['owner', 'x'],
    ]),
  ).toBe('id     1\nowner  x')
})
