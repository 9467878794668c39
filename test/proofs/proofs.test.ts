import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const runner = join(import.meta.dirname, '../../proofs/run.mjs')

async function proofs(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [runner, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  process.stdout.write(output)
  return { code, output }
}

// One after the other, in one file: each brings servers and load of its own. proofs/README.md says what each proves.
describe.each(['revoke', 'partition', 'crash', 'outage', 'flood', 'soak', 'tamper'])('%s', (name) => {
  test('in its short form the promises are kept', async () => {
    const { code, output } = await proofs(name)
    expect(code, output).toBe(0)
  }, 300_000)

  test('the proof fails on each fault that is planted', async () => {
    const { code, output } = await proofs(name, '--selfcheck')
    expect(code, output).toBe(0)
  }, 600_000)
})

test('a proof that nobody knows is refused', async () => {
  const { code, output } = await proofs('nonsense', '--maybe')
  expect(code).toBe(2)
  expect(output).toContain('nonsense')
  expect(output).toContain('--maybe')
})
