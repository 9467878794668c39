import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { ConfigInvalid, parseConfig } from '../../src/config.ts'

const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const webhook = { url: 'https://siem.example.com/in?token=tellTale', secrets: [secret] }

function problemsOf(trail: object, env = {}): string[] {
  try {
    parseConfig({ trail }, env, '/app')
  } catch (error) {
    if (error instanceof ConfigInvalid) return [...error.problems]
    throw error
  }
  return []
}

test('the trail is kept 400 days and signed each minute unless the settings say otherwise', () => {
  const { trail } = parseConfig({}, {}, '/app')
  expect(trail).toMatchObject({
    keepMs: 400 * 86_400_000,
    checkpointEveryMs: 60_000,
    checkpointKeys: null,
    sinks: [],
  })
})

test('sinks are files, taken from where the settings are, and webhooks', () => {
  const { trail } = parseConfig(
    {
      trail: {
        keep: '30d',
        sinks: [
          { name: 'archive', file: './trail.jsonl' },
          { name: 'siem', only: 'checkpoints', webhook },
        ],
      },
    },
    {},
    '/app',
  )
  expect(trail.keepMs).toBe(30 * 86_400_000)
  expect(trail.sinks).toEqual([
    {
      name: 'archive',
      only: null,
      to: { kind: 'file', path: '/app/trail.jsonl', rotateBytes: 256 * 1024 * 1024 },
    },
    { name: 'siem', only: 'checkpoints', to: { kind: 'webhook', ...webhook } },
  ])
})

test('the key for checkpoints comes from the environment, too', () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  expect(parseConfig({}, { POSTERN_CHECKPOINT_KEY: pem }, '/app').trail.checkpointKeys).toHaveLength(1)
  const [problem = ''] = problemsOf({}, { POSTERN_CHECKPOINT_KEY: 'aTellTaleKey' })
  expect(problem).toMatch(/^POSTERN_CHECKPOINT_KEY is a text that is not shown/)
})

test.each<[object, string]>([
  [{ keep: '6d' }, 'trail.keep is "6d"'],
  [{ keep: 'forever' }, 'trail.keep is "forever"'],
  [{ checkpointEvery: '0s' }, 'trail.checkpointEvery is "0s"'],
  [{ sinks: [{ name: 'a' }] }, 'trail.sinks[0] must have either a file or a webhook'],
  [{ sinks: [{ name: 'a', file: 'x', webhook }] }, 'trail.sinks[0] must have either a file or a webhook'],
  [{ sinks: [{ name: 'A', file: 'x' }] }, 'trail.sinks[0].name is "A"'],
  [{ sinks: [{ name: 'a', file: 'x', only: 'calls' }] }, 'trail.sinks[0].only is "calls"'],
  [{ sinks: [{ name: 'a', file: 'x', rotateBytes: 1 }] }, 'trail.sinks[0].rotateBytes is 1'],
  [
    {
      sinks: [
        { name: 'a', file: 'x' },
        { name: 'a', file: 'y' },
      ],
    },
    'trail.sinks',
  ],
  [
    { sinks: [{ name: 'a', webhook: { ...webhook, secrets: ['tellTale'] } }] },
    'trail.sinks[0].webhook.secrets[0]',
  ],
  [{ sinks: [{ name: 'a', webhook: { ...webhook, url: 'ftp://tellTale' } }] }, 'trail.sinks[0].webhook.url'],
  [{ allowAddresses: ['0.0.0.0/0'] }, 'trail.allowAddresses[0]'],
])('%j is refused, by name and without a secret', (trail, start) => {
  const problems = problemsOf(trail)
  expect(problems.map((problem) => problem.slice(0, start.length))).toEqual([start])
  expect(problems.join()).not.toContain('tellTale')
})
