import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLastPosition } from '../../src/verify/last-position.ts'

function setUp() {
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-position-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const failures: unknown[] = []
  const open = () => createLastPosition({ dataDir, onFailed: (error) => failures.push(error) })
  return { dataDir, failures, open }
}

const position = { databaseId: 'a', epoch: 7, mark: 'm' }

describe('what a node has applied', () => {
  it('is nothing in a new directory', () => {
    expect(setUp().open().recall()).toBeNull()
  })

  it('is known after a restart: the last that was told', async () => {
    const { dataDir, open } = setUp()
    const last = open()
    for (let epoch = 1; epoch <= 7; epoch++) last.keep({ ...position, epoch })
    await last.settled()
    expect(open().recall()).toEqual(position)
    expect(readdirSync(dataDir)).toEqual(['position'])
    expect(statSync(join(dataDir, 'position')).mode & 0o777).toBe(0o600)
  })

  it.each(
    [['', '{}', '{"databaseId":"a","epoch":"7","mark":null}', '{"databaseId":"a","epoch":7}', '[']].flat(),
  )('is not guessed from a file that reads %j', (text) => {
    const { dataDir, open } = setUp()
    writeFileSync(join(dataDir, 'position'), text)
    expect(() => open().recall()).toThrow(/no key is accepted/)
  })

  it('that cannot be written is said, and stops nothing', async () => {
    const { dataDir, failures, open } = setUp()
    const last = open()
    rmSync(dataDir, { recursive: true })
    last.keep(position)
    await last.settled()
    expect(failures).toHaveLength(1)
  })
})
