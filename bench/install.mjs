import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const cache = fileURLToPath(new URL('.cache', import.meta.url))

/**
 * A folder of the bench's own with these packages (`name@version`, exact), kept from run to run. What only the
 * bench needs is no dependency of Postern. Fails where npm can't reach its registry.
 */
export async function installed(name, packages, npmOptions = []) {
  const place = join(cache, name)
  const mark = join(place, 'installed.json')
  const wanted = JSON.stringify(packages)
  if (existsSync(mark) && (await readFile(mark, 'utf8')) === wanted) return place
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package.json'), '{"private":true}')
  await execute(
    'npm',
    ['install', '--no-audit', '--no-fund', '--no-package-lock', ...npmOptions, ...packages],
    {
      cwd: place,
    },
  )
  await writeFile(mark, wanted)
  return place
}
