import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entriesOf, namedEntry, withEntries } from '../../../ui/src/create/entries.ts'
import { bodyOf, createCommand, missingIn, type KeyDraft } from '../../../ui/src/create/request.ts'
import { draftOfLimits, faultsOfLimits, limitsOf, noLimits } from '../../../ui/src/create/limits.ts'
import { quoted } from '../../../ui/src/create/shell.ts'

const draft: KeyDraft = {
  serviceUserId: '0190a000-0000-7000-8000-000000000001',
  name: '',
  expiry: { days: 90 },
  tools: null,
  addresses: null,
  limits: noLimits,
  selfRotate: false,
}

const typed = {
  rate: ' 60/m',
  burst: '20',
  toolRates: ['forecast_*=10/m+5', 'a=b=1/s'],
  concurrent: '',
  daily: '',
  monthly: '5',
}

describe('the limits of a key', () => {
  it('are sent whole, and come back as they were typed', () => {
    const sent = {
      rate: '60/m',
      burst: 20,
      tools: [
        { tool: 'forecast_*', rate: '10/m', burst: 5 },
        { tool: 'a=b', rate: '1/s', burst: null },
      ],
      concurrent: null,
      daily: null,
      monthly: 5,
    }
    expect(limitsOf(typed)).toEqual(sent)
    expect(bodyOf({ ...draft, limits: typed }).limits).toEqual(sent)
    expect(draftOfLimits(sent)).toEqual({ ...typed, rate: '60/m' })
  })

  it('that cannot be sent are told beside their fields', () => {
    expect(faultsOfLimits(typed)).toEqual({})
    expect(
      Object.keys(missingIn({ ...draft, limits: { ...typed, daily: 'many', toolRates: ['x'] } })),
    ).toEqual(['limits.daily', 'limits.tools'])
  })

  it('as a command say the same', () => {
    expect(createCommand({ ...draft, limits: typed }, 'bot')).toBe(
      "postern keys create --service-user bot --expires 90d --rate 60/m --burst 20 --monthly 5 --tool-rate 'forecast_*=10/m+5' --tool-rate 'a=b=1/s'",
    )
  })
})

describe('the request for a new key', () => {
  it('leaves out what was left empty', () => {
    expect(bodyOf({ ...draft, name: '  ' })).toEqual({ serviceUser: draft.serviceUserId, expires: '90d' })
    expect(
      bodyOf({
        ...draft,
        name: ' CI ',
        expiry: { date: '2027-06-01' },
        tools: ['a_*'],
        addresses: ['::1'],
        selfRotate: true,
      }),
    ).toEqual({
      serviceUser: draft.serviceUserId,
      name: 'CI',
      expires: '2027-06-01',
      tools: ['a_*'],
      addresses: ['::1'],
      selfRotate: true,
    })
  })

  it('lacks what a list that was begun does not name: an empty list would lift the limit', () => {
    expect(missingIn(draft)).toEqual({})
    expect(Object.keys(missingIn({ ...draft, serviceUserId: '', tools: [], addresses: [] }))).toEqual([
      'serviceUser',
      'tools',
      'addresses',
    ])
    expect(Object.keys(missingIn({ ...draft, expiry: { date: '' } }))).toEqual(['expires'])
  })

  it('as a command says the same', () => {
    expect(
      createCommand(
        { ...draft, name: "Anna's agent", tools: ['forecast_*', '!delete_*'], addresses: ['10.0.0.0/8'] },
        '-crawler',
      ),
    ).toBe(
      `postern keys create '--service-user=-crawler' --name 'Anna'\\''s agent' --expires 90d --tool 'forecast_*' --tool '!delete_*' --address 10.0.0.0/8`,
    )
  })
})

describe('an argument of a suggested command', () => {
  it('is one word to a shell, the very text unless it hides something', () => {
    const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
    const texts = [
      ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 20 }), 60),
      "$(id)`id`'; rm -rf / #",
      '-rf',
      '~',
      '*',
      '',
    ].filter((text) => !hidden.test(text))
    const script = texts.map((text) => `printf '%s\\0' ${quoted(text)}`).join('\n')
    const output = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(output.split('\0').slice(0, -1)).toEqual(texts)
  })

  it('shows what would be unseen, and never begins a line of its own', () => {
    expect(quoted('a\nrm b')).toBe(`'a\\u{a}rm b'`)
    expect(quoted('\u202Eab')).toBe(`'\\u{202e}ab'`)
  })
})

describe('entries that were pasted together', () => {
  it('are parted, and each is there once', () => {
    expect(entriesOf(' forecast_*,\n !delete_* , get weather,forecast_* ', 'lines')).toEqual([
      'forecast_*',
      '!delete_*',
      'get weather',
    ])
    expect(entriesOf('10.0.0.0/8 ::1,::1\n', 'blanks')).toEqual(['10.0.0.0/8', '::1'])
    expect(withEntries(['b', 'a'], ['c', 'a'])).toEqual(['b', 'a', 'c'])
    expect(entriesOf(' \n', 'blanks')).toEqual([])
  })
})

describe('a refusal of one entry of a list', () => {
  it('names the entry itself', () => {
    expect(namedEntry('Tools[1] says * twice in a row, at character 3.', ['a', 'b**'])).toEqual({
      text: '“b**” says * twice in a row, at character 3.',
      place: 1,
    })
    expect(namedEntry('Tools[7] is wrong.', ['a'])).toEqual({ text: 'Tools[7] is wrong.', place: null })
    expect(namedEntry('Too many tools.', ['a'])).toEqual({ text: 'Too many tools.', place: null })
  })
})
