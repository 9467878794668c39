import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ui = join(import.meta.dirname, '../../ui')
/** What the issue allows, in bytes of gzipped JavaScript. */
const mostBytes = 250_000

describe('the built page', () => {
  const out = mkdtempSync(join(tmpdir(), 'postern-bundle-'))
  let files: string[] = []
  const text = (ending: string) =>
    readFileSync(join(out, files.find((file) => file.endsWith(ending)) ?? ''), 'utf8')

  beforeAll(() => {
    const vite = createRequire(join(ui, 'package.json'))
      .resolve('vite/package.json')
      .replace(/package\.json$/, 'bin/vite.js')
    execFileSync(process.execPath, [vite, 'build', '--outDir', out, '--emptyOutDir', '--logLevel', 'error'], {
      cwd: ui,
      env: { ...process.env, NODE_ENV: 'production' },
    })
    files = readdirSync(out, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1))
  })
  afterAll(() => rmSync(out, { recursive: true, force: true }))

  it('is one script, one style sheet and one document, named by their content', () => {
    expect(files.map((file) => file.replace(/-[\w-]{8}\./, '-HASH.')).sort()).toEqual([
      expect.stringMatching(/^assets.\w+-HASH\.js$/),
      expect.stringMatching(/^assets.\w+-HASH\.css$/),
      'index.html',
    ])
  })

  it(`has at most ${mostBytes} bytes of JavaScript, gzipped`, () => {
    const { length } = gzipSync(text('.js'), { level: 9 })
    console.log(`the page's JavaScript: ${length} bytes gzipped of ${mostBytes}`)
    expect(length).toBeLessThanOrEqual(mostBytes)
  })

  it('keeps to its content security policy: nothing inline, and nothing from elsewhere', () => {
    const document = text('.html')
    expect(document).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i)
    expect(document.match(/<script\b[^>]*>[^<]/)).toBeNull()
    expect([...document.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url?.slice(0, 9))).toEqual([
      './assets/',
      './assets/',
    ])
    expect(text('.css')).not.toMatch(/@import|url\((?!["']?data:)/)
    expect(text('.js')).not.toMatch(/\beval\(|new Function\(/)
  })

  it('holds nothing of the server but types and the snippets', () => {
    expect(text('.js')).not.toMatch(/node:crypto|better-auth|ZodError/)
  })
})
