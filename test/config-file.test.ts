import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../src/config-file.ts'
import { ConfigInvalid } from '../src/config.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'postern-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

function write(name: string, text: string): void {
  writeFileSync(join(cwd, name), text)
}

async function problemOf(file?: string): Promise<string> {
  const error: unknown = await loadConfig({ cwd, env: {}, file }).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(ConfigInvalid)
  return error instanceof ConfigInvalid ? error.problems.join('\n') : ''
}

test.each([
  ['postern.config.ts', `const schema: string = 'own'\nexport default { schema }`],
  ['postern.config.mjs', `export default { schema: 'own' }`],
  ['postern.config.json', `{"schema": "own"}`],
  ['postern.config.yaml', `schema: own`],
])('%s is found and read', async (name, text) => {
  write(name, text)
  expect((await loadConfig({ cwd, env: {} })).schema).toBe('own')
})

test('no settings file is no failure: the defaults hold', async () => {
  expect((await loadConfig({ cwd, env: {} })).schema).toBe('postern')
})

test('a named file must be there', async () => {
  expect(await problemOf('other.json')).toContain('does not exist')
})

test('two settings files are refused: nobody could tell which one holds', async () => {
  write('postern.config.json', '{}')
  write('postern.config.yaml', 'schema: own')
  expect(await problemOf()).toContain('postern.config.json and postern.config.yaml are both there')
})

test('nothing beside the file is read, run, merged or downloaded', async () => {
  write('.env', 'POSTERN_PORT=1\nDATABASE_URL=postgres://dotenv/x')
  write('.posternrc', 'schema=rc')
  write('package.json', '{"name": "x", "postern": {"schema": "package"}, "config": {"schema": "package"}}')
  write('base.json', '{"schema": "base"}')
  write('postern.config.json', '{"listen": "127.0.0.1:7"}')
  expect(await loadConfig({ cwd, env: {} })).toMatchObject({
    schema: 'postern',
    listen: { port: 7 },
    database: null,
  })
  expect(process.env['DATABASE_URL'] ?? '').not.toContain('dotenv')
})

test.each(['{"extends": "./base.json"}', '{"extends": "gh:owner/name"}', '{"$test": {"schema": "x"}}'])(
  'a layer is refused, not followed: %s',
  async (text) => {
    write('base.json', '{"schema": "base"}')
    write('postern.config.json', text)
    expect(await problemOf()).toContain('is no setting')
  },
)

test('keys that a deep merge would drop are refused as well', async () => {
  write('postern.config.json', '{"__proto__": {"schema": "x"}, "schema": null}')
  const problems = await problemOf()
  expect(problems).toContain('__proto__ is no setting')
  expect(problems).toContain('schema is null')
})

test.each([
  ['postern.config.json', '{"database": "postgres://u:CanarySecret7@h/d",'],
  ['postern.config.yaml', 'database: "postgres://u:CanarySecret7@h/d\nx: ['],
  ['postern.config.ts', `throw new Error('no postgres://u:CanarySecret7@h/d here')`],
  ['postern.config.ts', `const a = 'CanarySecret7' +`],
])('%s that is broken is refused without citing it', async (name, text) => {
  write(name, text)
  const problem = await problemOf()
  expect(problem).toContain("can't be read")
  expect(problem).toContain(name)
  expect(problem).not.toContain('CanarySecret7')
})

test.each([
  ['postern.config.json', '[]'],
  ['postern.config.json', '"text"'],
  ['postern.config.yaml', ''],
])('%s that holds %j is refused', async (name, text) => {
  write(name, text)
  await problemOf()
})
