// Builds dist/: the numbered SQL is inlined first, since bundlers lose files that are read at run time.
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildConnect } from './connect.mjs'
import { buildPage } from './page.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

// What a deleted source left behind must not be packed.
if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true })

const migrations = readdirSync(join(root, 'sql'))
  .filter((file) => /^\d{4}_[a-z0-9-]+\.sql$/.test(file))
  .sort()
  .map((file) => ({
    number: Number(file.slice(0, 4)),
    name: file.slice(5, -4),
    sql: readFileSync(join(root, 'sql', file), 'utf8'),
  }))
const generated = `// Made by build/build.mjs from sql/. Not edited, not committed.\nexport const migrations: readonly { number: number; name: string; sql: string }[] = ${JSON.stringify(migrations, null, 2)}\n`
const target = join(root, 'src/store/migrations.gen.ts')
writeIfChanged(target, generated)

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
writeIfChanged(
  join(root, 'src/version.gen.ts'),
  `// Made by build/build.mjs from package.json. Not edited, not committed.\nexport const version = ${JSON.stringify(version)}\n`,
)

buildPage(root)
await buildConnect(root)

const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc')
try {
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
    cwd: root,
  })
} catch {
  process.exit(1)
}
chmodSync(join(root, 'dist/cli/main.js'), 0o755)

function writeIfChanged(file, text) {
  let before = ''
  try {
    before = readFileSync(file, 'utf8')
  } catch {
    // not there yet
  }
  if (before !== text) writeFileSync(file, text)
}
