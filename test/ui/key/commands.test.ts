import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandLine, options } from '../../../ui/src/key/commands.ts'

const words = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }), {
  minLength: 1,
  maxLength: 5,
})

describe('an action as a command', () => {
  it('reaches the shell word for word, whatever was typed', () => {
    fc.assert(
      fc.property(words, (parts) => {
        const print = `postern() { printf '%s\\0' "$@"; }; ${commandLine(...parts)}`
        const seen = execFileSync('/bin/sh', ['-c', print], { encoding: 'utf8' })
        expect(seen.split('\0').slice(0, -1)).toEqual(parts)
      }),
      { numRuns: 40 },
    )
  })

  it('runs nothing that hides in a reason', () => {
    expect(commandLine('keys', 'revoke', 'x', ...options({ reason: "it's $(reboot) `id`; rm *" }))).toBe(
      `postern keys revoke x --reason 'it'\\''s $(reboot) \`id\`; rm *'`,
    )
  })

  it('gives each value its option, and takes none for one', () => {
    expect(
      options({
        overlap: '0',
        expires: null,
        'all-tools': true,
        tool: ['a_*', '!b'],
        name: '-x',
        customer: '',
      }),
    ).toEqual([
      ...['--overlap', '0', '--all-tools', '--tool', 'a_*', '--tool', '!b', '--name=-x', '--customer='],
    ])
  })
})
