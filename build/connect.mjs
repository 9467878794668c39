// The bridge, as one file with nothing to install beside it: `npx` fetches one small package, and Node reads one file.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/**
 * Makes connect/dist/connect.js, and dist/THIRD-PARTY.txt with the licences of what is in it.
 *
 * @param {string} root
 */
export async function buildConnect(root) {
  const folder = join(root, 'connect')
  const bundle = await rolldown({ input: join(folder, 'src/main.ts'), platform: 'node', logLevel: 'warn' })
  const { output } = await bundle.generate({
    format: 'esm',
    codeSplitting: false,
    minify: true,
    banner: '#!/usr/bin/env node',
  })
  await bundle.close()
  const [chunk] = output
  const outside = chunk.imports.filter((name) => !isBuiltin(name))
  if (output.length !== 1 || outside.length > 0)
    throw new Error(`the bridge must be one file that brings all it needs, and not ${outside.join(', ')}`)
  mkdirSync(join(folder, 'dist'), { recursive: true })
  // Whole or not at all: another build, or a test, may be reading it.
  const draft = join(folder, `dist/.connect.${process.pid}.draft`)
  writeFileSync(draft, chunk.code, { mode: 0o755 })
  renameSync(draft, join(folder, 'dist/connect.js'))
  writeFileSync(join(folder, 'dist/THIRD-PARTY.txt'), licences(chunk.moduleIds))
}

/**
 * The licences of the packages that modules come from, each once.
 *
 * @param {readonly string[]} modules
 */
function licences(modules) {
  const found = new Map()
  for (const file of modules) {
    const [, directory] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(file) ?? []
    if (directory === undefined || found.has(directory)) continue
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    const text = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
    const whole = text === undefined ? license : readFileSync(join(directory, text), 'utf8').trim()
    found.set(directory, `${name} ${version}\n\n${whole}\n`)
  }
  return [...found.values()].sort((a, b) => (a < b ? -1 : 1)).join(`\n${'-'.repeat(72)}\n\n`)
}

// By itself before the package is packed.
if (process.argv[1] === fileURLToPath(import.meta.url))
  await buildConnect(join(dirname(process.argv[1]), '..'))
