import { expect, it } from 'vitest'
import { classNames } from '../../../ui/src/components/class-names.ts'

it.each([
  ['a size', 'size-8', 'size-7', 'size-7'],
  ['a height, but not that for touch', 'h-8 pointer-coarse:h-11', 'h-auto', 'pointer-coarse:h-11 h-auto'],
  ['a colour, but not the size of the text', 'text-xs text-ink', 'text-bad', 'text-xs text-bad'],
  ['all sides', 'px-3 pt-1', 'p-0', 'p-0'],
  ['one side only', 'p-3', 'px-0', 'p-3 px-0'],
  ['a corner', 'rounded-md', 'rounded', 'rounded'],
  ['nothing that is not known', 'border-edge data-above', 'bg-bad', 'border-edge data-above bg-bad'],
])('a later class overrules %s', (_, before, after, expected) => {
  expect(classNames(before, false, after)).toBe(expected)
})
