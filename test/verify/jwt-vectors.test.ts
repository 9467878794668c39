import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compactVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { createKeySet } from '../../src/verify/jwks.ts'
import { createFakeClock } from './fake-clock.ts'
import { answerOf, createAsk, plain } from './jwt-world.ts'

/** Wycheproof's vectors for JWS (R9). They are of others, and not part of this repository. */
const folder = join(import.meta.dirname, '../../../shared/corpora/jose')
const isThere = existsSync(folder)

interface Key {
  alg?: string
  kid?: string
}

interface Group {
  comment: string
  public?: Key | { keys: Key[] }
  private?: Key | { keys: Key[] }
  tests: { tcId: number; comment: string; jws?: unknown; result: 'valid' | 'invalid' }[]
}

const allowed = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
] as const

const groups = ['json_web_signature_test', 'json_web_key_test', 'json_web_crypto_test'].flatMap((name) =>
  isThere
    ? (
        JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as { testGroups: Group[] }
      ).testGroups.map((group) => ({ ...group, name }))
    : [],
)

/** The group's key as the issuer's set, with the algorithm that the settings would allow for it. */
function settingsOf(group: Group) {
  const keys = group.public ?? group.private ?? {}
  const set = 'keys' in keys ? keys : { keys: [keys] }
  const algorithms = allowed.filter((alg) => set.keys.some((key) => key.alg === undefined || key.alg === alg))
  return { set, algorithms: algorithms.length === 0 ? [...allowed] : algorithms }
}

describe.skipIf(!isThere)('the JOSE vectors in ../shared/corpora (skipped where they are not there)', () => {
  const vectors = groups.flatMap((group) =>
    group.tests.filter(({ jws }) => jws !== undefined).map((test) => ({ group, test })),
  )

  it('are all read', () => {
    expect(vectors.length).toBeGreaterThan(450)
  })

  it('no signature that is invalid is accepted, by the keys and the algorithms that settings name', async () => {
    const wrong: string[] = []
    let valid = 0
    for (const { group, test } of vectors) {
      const { set, algorithms } = settingsOf(group)
      const keys = createKeySet({
        url: plain.jwksUrl,
        send: () => Promise.resolve(answerOf(set)),
        clock: createFakeClock(),
        maxAgeMs: plain.jwksMaxAgeMs,
        onFailure: () => {},
      })
      const isAccepted = await compactVerify(test.jws as string, keys, { algorithms }).then(
        () => true,
        () => false,
      )
      if (isAccepted && test.result === 'invalid') wrong.push(`${group.name} ${test.tcId}: ${test.comment}`)
      if (isAccepted && test.result === 'valid') valid++
    }
    expect(wrong).toEqual([])
    // The control: most of what is valid here and not signed by a shared secret.
    expect(valid).toBeGreaterThan(30)
  })

  it('none opens anything as a JWT: not even the valid ones, which hold no claims', async () => {
    const clock = createFakeClock()
    const opened: number[] = []
    for (const { group, test } of vectors) {
      const { set, algorithms } = settingsOf(group)
      const [first = 'RS256', ...others] = algorithms
      const issuer = { ...plain, algorithms: [first, ...others] as const }
      const ask = createAsk(clock, () => Promise.resolve(answerOf(set)), [issuer])
      const verdict = await ask(String(test.jws))
      if (verdict !== null && verdict.allowed) opened.push(test.tcId)
    }
    expect(opened).toEqual([])
  })
})
