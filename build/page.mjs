// The admin page, built by Vite from ui/ and inlined: bundlers lose files that are read at run time.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What of the package's own source the page takes in, besides types. */
const sourcesBesideUi = ['src/mcp/client-snippets.ts', 'package-lock.json']
const notSource = /^(node_modules|dist|test)([\\/]|$)|(^|[\\/])\.[^\\/]*$|\.md$/

const notThere = {
  script: "document.getElementById('root').textContent = 'The page is not built.'\n",
  style: '',
}

/** Makes src/admin/page/bundle.gen.ts from ui/, where one of its sources has changed since. */
export function buildPage(root) {
  const target = join(root, 'src/admin/page/bundle.gen.ts')
  const digest = digestOfSources(root)
  const head = `// Made by build/page.mjs from ui/ (${digest}). Not edited, not committed.\n`
  if (existsSync(target) && readFileSync(target, 'utf8').startsWith(head)) return
  const { script, style } = bundled(root)
  const file = (text) => `{ hash: ${JSON.stringify(shortHash(text))}, text: ${JSON.stringify(text)} }`
  const type = 'Readonly<{ hash: string; text: string }>'
  const text = `${head}export const script: ${type} = ${file(script)}\nexport const style: ${type} = ${file(style)}\n`
  // Whole or not at all: another build may be reading it.
  const draft = `${target}.${process.pid}.draft`
  writeFileSync(draft, text)
  renameSync(draft, target)
}

/** Vite's one script and one stylesheet. */
function bundled(root) {
  const ui = join(root, 'ui')
  if (!existsSync(join(ui, 'vite.config.ts'))) return notThere
  const out = mkdtempSync(join(tmpdir(), 'postern-ui-'))
  try {
    const vite = createRequire(join(ui, 'package.json'))
      .resolve('vite/package.json')
      .replace(/package\.json$/, 'bin/vite.js')
    execFileSync(
      process.execPath,
      [vite, 'build', '--outDir', out, '--emptyOutDir', '--logLevel', 'warn'],
      // stdout may be the one line of `serve --json`.
      { cwd: ui, stdio: ['ignore', 2, 2], env: { ...process.env, NODE_ENV: 'production' } },
    )
    return { script: only(out, '.js'), style: only(out, '.css') }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

function only(directory, ending) {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith(ending),
  )
  if (files.length !== 1)
    throw new Error(`the page must be one ${ending} file, and Vite made ${files.length}: ${files.join(', ')}`)
  return readFileSync(join(directory, files[0]), 'utf8')
}

function digestOfSources(root) {
  const digest = createHash('sha256')
  const ui = readdirSync(join(root, 'ui'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((file) => !notSource.test(file.slice('ui/'.length)))
    .sort()
  for (const file of [...ui, ...sourcesBesideUi.filter((each) => existsSync(join(root, each)))])
    digest
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0')
  return digest.digest('hex').slice(0, 32)
}

function shortHash(text) {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16).replaceAll(/[-_]/g, '0')
}
