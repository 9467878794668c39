import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { auditVerifyCommand } from '../../src/cli/audit-verify.ts'
import { resumeFile } from '../../src/cli/resume-file.ts'
import { publicKeyOf } from '../../src/domain/checkpoint.ts'
import { trailKey, trailOf } from '../audit/verify/trail-of.ts'
import { readFileSync } from 'node:fs'

let directory: string
let printed = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-verify-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))
beforeEach(() => {
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text, ...rest: unknown[]) => {
    printed += String(text)
    const done = rest.find((each) => typeof each === 'function') as (() => void) | undefined
    done?.()
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

let state = 7
const random = () => (state = (state * 48271) % 2147483647) / 2147483647
const { lines, checkpoints } = trailOf(random, { rounds: 9 })
const key = publicKeyOf(trailKey)

function fileOf(text: string): string {
  const path = join(directory, `${Math.random()}.jsonl`)
  writeFileSync(path, text)
  return path
}
const whole = `${lines.join('\n')}\n`

async function verify(...args: string[]): Promise<{ code: number; said: string }> {
  await auditVerifyCommand().exitOverride().parseAsync(args, { from: 'user' })
  const code = Number(process.exitCode ?? 0)
  process.exitCode = undefined
  const said = printed
  printed = ''
  return { code, said }
}

test('an untouched export is verified offline, and what that does not prove is said', async () => {
  const file = fileOf(whole)
  const given = await verify(file, '--key', key)
  expect(given).toMatchObject({ code: 0, said: expect.stringContaining('All of it fits') as string })
  expect(given.said).toContain(`up to checkpoint ${checkpoints.length}`)
  expect(given.said).not.toContain('who signed')
  expect((await verify(file)).said).toContain('Not proven: who signed')
  const { said } = await verify(file, '--key', key, '--json')
  expect(JSON.parse(said)).toMatchObject({
    verified: true,
    fault: null,
    signedBy: 'given',
    last: { number: checkpoints.length },
  })
})

test('an edited one ends with 1, and names the line', async () => {
  const file = fileOf(whole.replace('"count":1,', '"count":2,'))
  const { code, said } = await verify(file, '--json')
  expect(code).toBe(1)
  expect(JSON.parse(said)).toMatchObject({
    verified: false,
    fault: { code: 'row_edited', line: expect.any(Number) as number },
  })
  expect((await verify(fileOf(whole), '--key', 'A'.repeat(43))).said).toContain('checkpoint_key')
})

test.each([
  ['a last line without its end', whole.slice(0, -1)],
  ['a byte that is no UTF-8', Buffer.from(whole, 'latin1').fill(0xff, 300, 301).toString('latin1')],
  ['a carriage return', whole.replace('\n', '\r\n')],
  ['an empty line', `\n${whole}`],
  ['nothing', ''],
])('%s is no export', async (_, text) => {
  expect((await verify(fileOf(text))).code).toBe(1)
})

test('a file that is not there, and a key that is none, are wrong usage', async () => {
  await expect(verify(join(directory, 'none'))).rejects.toMatchObject({ exitCode: 2 })
  await expect(verify(fileOf(whole), '--key', 'x')).rejects.toMatchObject({ exitCode: 2 })
})

test('an export goes on where it broke off, without a gap or a row twice, wherever that was', async () => {
  const csv =
    'id,tool\r\n019b0000-0000-7000-8000-000000000001,"a\r\nb"\r\n019b0000-0000-7000-8000-000000000002,"c ""d"" e"\r\n'
  const jsonl =
    csv
      .match(/019b\S{32}/g)
      ?.map((id) => `{"id":"${id}","tool":"x"}\n`)
      .join('') ?? ''
  for (const [format, text] of [
    ['csv', csv],
    ['jsonl', jsonl],
    ['sealed', whole],
  ] as const) {
    const steps = format === 'sealed' ? 97 : 1
    for (let cut = 0; cut <= text.length; cut += steps) {
      const path = fileOf(text.slice(0, cut))
      // oxlint-disable-next-line no-await-in-loop
      const { file, after } = await resumeFile(path, format)
      // oxlint-disable-next-line no-await-in-loop
      await file.close()
      const kept = readFileSync(path, 'utf8')
      expect(text.startsWith(kept)).toBe(true)
      const rows =
        format === 'sealed'
          ? kept.split('\n').filter((line) => line.startsWith('{"checkpoint"'))
          : (kept.match(/019b\S{32}/g) ?? [])
      expect(after).toBe(rows.length === 0 ? null : format === 'sealed' ? String(rows.length) : rows.at(-1))
      expect(kept === '' || kept.endsWith('\n')).toBe(true)
    }
  }
})
