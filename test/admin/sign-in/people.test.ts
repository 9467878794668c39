import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createPeople } from '../../../src/admin/sign-in/people.ts'
import { RequestRefused } from '../../../src/admin/problem.ts'
import { createMemoryPeople } from './memory-people.ts'

const corpus = join(import.meta.dirname, '../../../../shared/corpora/naughty-strings.json')
const naughty = existsSync(corpus) ? (JSON.parse(readFileSync(corpus, 'utf8')) as string[]) : []

function open() {
  const world = createMemoryPeople()
  let nowMs = 1_800_000_000_000
  const clock = { now: () => nowMs, monotonic: () => nowMs }
  const people = createPeople({
    store: world.people,
    clock,
    pageUrl: () => 'https://k.example.com/admin/api-keys',
  })
  return { ...world, room: people, pass: (ms: number) => void (nowMs += ms) }
}

test.skipIf(naughty.length === 0)(
  'every naughty name of ../shared/corpora is kept as it is, or refused by its field (skipped where they are not there)',
  async () => {
    const { room } = open()
    let kept = 0
    for (const [at, name] of naughty.entries()) {
      const { url } = await room.invite({ email: `p${at}@example.com`, role: 'owner' }, 'ada')
      const token = url.slice(url.indexOf('#') + 1)
      try {
        const person = await room.accept(token, { name, passwordHash: null })
        expect(person.name).toBe(name.normalize('NFC').trim())
        kept++
      } catch (error) {
        expect([name, error instanceof RequestRefused && [error.status, error.code, error.field]]).toEqual([
          name,
          [400, 'name_invalid', 'name'],
        ])
      }
    }
    expect(kept).toBeGreaterThan(200)
  },
)

test.skipIf(naughty.length === 0)(
  'no naughty string is an address to invite (skipped likewise)',
  async () => {
    const { room } = open()
    const wrong = naughty.filter((text) => !/^[\w.+-]+@[\w.-]+$/.test(text.trim()))
    for (const email of wrong)
      await expect(room.invite({ email, role: 'admin' }, 'ada')).rejects.toMatchObject({
        code: 'email_invalid',
      })
  },
)

test('someone whom an identity provider vouches for comes in by an open invitation only, under any name', async () => {
  const { room, pass } = open()
  expect(await room.welcome('grace@example.com', 'Grace')).toBeNull()
  await room.invite({ email: 'Grace@Example.com', role: 'auditor' }, 'ada')
  expect(await room.welcome('GRACE@example.com', 'a\u202eb')).toMatchObject({
    email: 'grace@example.com',
    name: 'grace@example.com',
    role: 'auditor',
  })
  expect(await room.welcome('grace@example.com', 'Grace')).toBeNull()
  await room.invite({ email: 'alan@example.com', role: 'owner' }, 'ada')
  pass(7 * 86_400_000)
  expect(await room.welcome('alan@example.com', 'Alan')).toBeNull()
  expect(await room.welcome('no address', null)).toBeNull()
})

test('a link holds 256 random bits in its fragment, and nothing of them is kept', async () => {
  const { room, people } = open()
  const urls = await Promise.all(Array.from({ length: 50 }, () => room.setupLink()))
  const tokens = urls.map(({ url }) => new URL(url).hash.slice(1))
  expect(new Set(tokens).size).toBe(50)
  for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32)
  for (const { url } of urls)
    expect(new URL(url).pathname + new URL(url).search).toBe('/admin/api-keys/setup')
  expect(JSON.stringify(await people.listInvitations())).not.toContain(tokens[0])
})
