import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visiblePieces, visibleText } from '../../../ui/src/trail/visible-text.ts'

/** Written apart from the function's own list, so that both must be wrong for a mistake to pass. */
const hidden = [
  ...['\u0000', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085', '\u009b'],
  ...['\u00ad', '\u061c', '\u180e', '\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\ufeff'],
  ...['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069'],
  ...['\u2028', '\u2029', '\u115f', '\u3164', '\uffa0', '\u2800', '\ufe0f', '\u{e0041}'],
  ...['\u00a0', '\u2003', '\u3000', '\ud800', '\udfff', '\ue000'],
]
const anyText = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hidden)) })

describe('text that strangers chose', () => {
  it('shows every character that would hide or turn the text', () => {
    for (const character of hidden)
      expect(visibleText(`a${character}b`)).toBe(`a\\u{${character.codePointAt(0)?.toString(16)}}b`)
  })

  it('never lets a hidden character through, whatever the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = visibleText(text)
        for (const character of hidden) expect(Array.from(shown)).not.toContain(character)
        expect(shown).toMatch(/^(?:[^\p{C}\p{Z}\p{DI}]| )*$/u)
      }),
    )
  })

  it('loses nothing: what is written out leads back to the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const back = visiblePieces(text)
          .map((piece) => (piece.isEscaped ? String.fromCodePoint(codeOf(piece.text)) : piece.text))
          .join('')
        expect(back).toBe(text)
      }),
    )
  })

  it('says the same as pieces and as one string, and leaves it as it is the second time', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = visibleText(text)
        expect(
          visiblePieces(text)
            .map((piece) => piece.text)
            .join(''),
        ).toBe(shown)
        expect(visibleText(shown)).toBe(shown)
      }),
    )
  })

  it('leaves what people write in their languages as it is', () => {
    for (const text of [
      'forecast_daily',
      'Müller & Söhne',
      '天気予報',
      'تقرير',
      'отчёт 2',
      '📈 x',
      'a\\u{41}',
    ])
      expect(visibleText(text)).toBe(text)
  })
})

function codeOf(escape: string): number {
  return Number.parseInt(escape.slice(3, -1), 16)
}
