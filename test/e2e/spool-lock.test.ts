import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { createPostern, type Postern } from '../../src/postern.ts'
import { makePlace } from './server.ts'

const opened: Postern[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()))
})

function postern(dataDir: string): Postern {
  const made = createPostern(parseConfig({ data: dataDir, log: { level: 'silent' } }, {}, dataDir))
  opened.push(made)
  return made
}

test('a second process on a spool is refused, though it has a data directory of its own', async () => {
  const [first, second] = [await makePlace(), await makePlace()]
  await mkdir(first.dataDir, { mode: 0o700 })
  await mkdir(second.dataDir, { mode: 0o700 })
  await symlink(join(first.dataDir, 'spool'), join(second.dataDir, 'spool'))
  await mkdir(join(first.dataDir, 'spool'), { mode: 0o700 })
  const holder = postern(first.dataDir)
  await holder.start()
  await expect(postern(second.dataDir).start()).rejects.toMatchObject({ code: 'directory_locked' })
  await holder.tick()
  await holder.close()
  await postern(second.dataDir).start()
})

test('a process that exits gives the spool back', async () => {
  const { dataDir } = await makePlace()
  await mkdir(dataDir, { mode: 0o700 })
  const first = postern(dataDir)
  await first.start()
  first.abandon()
  await first.close()
  await postern(dataDir).start()
})
