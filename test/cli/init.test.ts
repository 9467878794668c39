import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { filesFor, proxyByHand } from '../../src/cli/init/files.ts'
import { initialise, type InitOptions, type Talk } from '../../src/cli/init/initialise.ts'
import { lineDiff } from '../../src/cli/init/line-diff.ts'
import { findNextApp, isBelow, readVersion } from '../../src/cli/init/next-app.ts'
import { writeWhole } from '../../src/cli/init/write.ts'
import { run } from './bin.ts'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'postern-init-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const plain = { clerk: false, cron: false, yes: true } satisfies InitOptions

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function makeApp(options: { appFolder?: string; next?: string; dependencies?: object } = {}): void {
  const { appFolder = 'app', next = '16.4.6', dependencies = {} } = options
  put('package.json', JSON.stringify({ dependencies: { next, ...dependencies } }))
  put(`${appFolder}/page.tsx`, 'export default () => null\n')
}

/** All files of the app with their content. */
function snapshot(): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  )
}

/** Somebody who answers questions by their text; whoever isn't expected to be asked says no. */
function person(answers: Record<string, boolean> = {}) {
  const asked: string[] = []
  const seen: string[] = []
  const talk: Talk = {
    show: async (text) => void seen.push(text),
    ask: async (question) => {
      asked.push(question)
      return Object.entries(answers).find(([part]) => question.includes(part))?.[1] ?? false
    },
  }
  return { talk, asked, shown: () => seen.join('\n') }
}

const nobody: Talk = { show: async () => {}, ask: null }

describe('what is written', () => {
  test.each([
    [
      'app',
      ['proxy.ts', 'postern.ts', 'app/admin/api-keys/[[...path]]/route.ts', 'app/api/agents/whoami/route.ts'],
      './postern.config',
    ],
    [
      'src/app',
      [
        'src/proxy.ts',
        'src/postern.ts',
        'src/app/admin/api-keys/[[...path]]/route.ts',
        'src/app/api/agents/whoami/route.ts',
      ],
      '../postern.config',
    ],
  ])('beside %s, and the settings at the root', async (appFolder, paths, settings) => {
    makeApp({ appFolder })
    const { written, left, warnings } = await initialise(root, plain, nobody)
    expect(written.toSorted()).toEqual(['.gitignore', 'postern.config.ts', ...paths].toSorted())
    expect([left, warnings]).toEqual([[], []])
    const files = snapshot()
    expect(files[paths[0] ?? '']).toContain('export const config = { matcher: "/:path*" }')
    expect(files[paths[1] ?? '']).toContain(`from "${settings}"`)
    expect(files['.gitignore']).toBe('.postern/\n')
    expect(Object.keys(files).filter((path) => path.endsWith('.draft'))).toEqual([])
  })

  test('root app counts before src/app, as in Next', () => {
    makeApp()
    put('src/app/page.tsx', '')
    expect(findNextApp(root)?.base).toBe('')
  })

  test('a route for a scheduler only where it was asked for', async () => {
    makeApp()
    const { written } = await initialise(root, { ...plain, cron: true }, nobody)
    expect(written).toContain('app/postern/tick/route.ts')
    expect(snapshot()['postern.config.ts']).toContain('{ path: "/postern/tick", public: true }')
    expect(filesFor({ base: '' }, plain).some(({ content }) => content.includes('/postern/tick'))).toBe(false)
  })

  test('with @clerk/nextjs among the dependencies, people come in by Clerk', async () => {
    makeApp({ dependencies: { '@clerk/nextjs': '^7.0.0' } })
    const { next } = await initialise(root, plain, nobody)
    const files = snapshot()
    expect(files['postern.config.ts']).toContain('sessions: clerk({')
    expect(files['proxy.ts']).toContain('otherwise: clerkMiddleware({ jwtKey: process.env.CLERK_JWT_KEY })')
    expect(next[0]).toBe('npm install postern @clerk/backend')
  })

  test('the route of agents takes service keys only, and nothing is open by a catch-all', () => {
    for (const clerk of [false, true])
      for (const cron of [false, true]) {
        const [{ content } = { content: '' }] = filesFor({ base: '' }, { clerk, cron })
        const routes = content.split('\n').filter((line) => /^ {4}\{ path/.test(line))
        expect(routes).toContain('    { path: "/api/agents/*", accepts: ["service-key"] },')
        expect(routes.filter((line) => /"\/\*"|"\/api\/\*"/.test(line))).toEqual(
          clerk ? ['    { path: "/*", accepts: ["session"] },'] : [],
        )
      }
  })
})

describe('nothing is overwritten without asking', () => {
  test('a second run changes nothing', async () => {
    makeApp()
    await initialise(root, plain, nobody)
    const before = snapshot()
    const { talk, asked, shown } = person()
    const again = await initialise(root, { ...plain, yes: false }, talk)
    expect([again.written, again.left, asked, shown()]).toEqual([[], [], [], ''])
    expect(snapshot()).toEqual(before)
  })

  test('with --yes, files that are there stay as they are and are named', async () => {
    makeApp()
    put('postern.ts', 'export const mine = 1\n')
    put('proxy.ts', 'export const proxy = mine\n')
    put('.gitignore', 'node_modules')
    const { written, left } = await initialise(root, plain, nobody)
    expect(left).toEqual(['postern.ts', 'proxy.ts'])
    expect(written).toEqual([
      'postern.config.ts',
      'app/api/agents/whoami/route.ts',
      'app/admin/api-keys/[[...path]]/route.ts',
      '.gitignore',
    ])
    const files = snapshot()
    expect(files['postern.ts']).toBe('export const mine = 1\n')
    expect(files['proxy.ts']).toBe('export const proxy = mine\n')
    expect(files['.gitignore']).toBe('node_modules\n.postern/\n')
  })

  test('what --yes shows, perhaps to a log, holds nothing of the files that are there', async () => {
    makeApp()
    put('postern.config.ts', "export default { database: 'postgres://canary' }\n")
    const { talk, shown } = person()
    await initialise(root, plain, { ...talk, ask: null })
    expect(shown()).toContain('postern.config.ts is there, and differs.')
    expect(shown()).not.toContain('canary')
  })

  test('a person is shown the difference, and asked for each file that is there', async () => {
    makeApp()
    put('postern.ts', 'export const mine = 1\n')
    put('proxy.ts', 'export const proxy = mine\n')
    put('.gitignore', 'node_modules\n')
    const { talk, asked, shown } = person({ Write: true, 'Overwrite proxy.ts': true })
    const { written, left } = await initialise(root, { ...plain, yes: false }, talk)
    expect(asked).toEqual([
      'Write postern.config.ts, app/api/agents/whoami/route.ts, app/admin/api-keys/[[...path]]/route.ts?',
      'Overwrite postern.ts?',
      'Overwrite proxy.ts?',
      'Add that line to .gitignore?',
    ])
    expect(shown()).toContain('    - export const mine = 1\n    + import { createPostern }')
    expect(shown()).toContain('    import { defineConfig }')
    expect(shown()).toContain(proxyByHand.split('\n')[0])
    expect(left).toEqual(['postern.ts', '.gitignore'])
    expect(written).toContain('proxy.ts')
    const files = snapshot()
    expect(files['postern.ts']).toBe('export const mine = 1\n')
    expect(files['proxy.ts']).toContain('postern.proxy()')
    expect(files['.gitignore']).toBe('node_modules\n')
  })

  test('who says no finds nothing written', async () => {
    makeApp()
    const before = snapshot()
    await expect(initialise(root, { ...plain, yes: false }, person().talk)).rejects.toThrow(
      'nothing was written',
    )
    await expect(initialise(root, { ...plain, yes: false }, nobody)).rejects.toThrow('--yes')
    expect(snapshot()).toEqual(before)
  })

  test.each(['middleware.ts', 'middleware.js', 'proxy.js'])(
    'beside a %s no proxy.ts is written, and what to do by hand is shown',
    async (existing) => {
      makeApp()
      put(existing, 'export function middleware() {}\n')
      const { talk, shown } = person({ Write: true, Add: true, Overwrite: true })
      const { written, left } = await initialise(root, { ...plain, yes: false }, talk)
      expect(written).not.toContain('proxy.ts')
      expect(left).toEqual([existing])
      expect(shown()).toContain('postern.proxy({ otherwise: existing })')
      expect(existsSync(join(root, 'proxy.ts'))).toBe(false)
    },
  )

  test('settings in another format are not given a rival', async () => {
    makeApp()
    put('postern.config.json', '{}')
    const { left } = await initialise(root, plain, nobody)
    expect(left).toEqual(['postern.config.json'])
    expect(existsSync(join(root, 'postern.config.ts'))).toBe(false)
  })

  test('what came or changed after it was shown is left', () => {
    put('proxy.ts', 'changed')
    expect(() => writeWhole(root, { path: 'proxy.ts', content: 'x', before: 'shown' })).toThrow('has changed')
    expect(() => writeWhole(root, { path: 'proxy.ts', content: 'x', before: null })).toThrow('has appeared')
    expect(snapshot()).toEqual({ 'proxy.ts': 'changed' })
  })

  test('a terminal is not steered by what stands in a file', async () => {
    makeApp()
    put('postern.ts', '\u001b[2J\u202e\n')
    const { talk, shown } = person()
    await initialise(root, { ...plain, yes: false }, talk).catch(() => {})
    expect(shown()).toContain('\\u{1b}[2J\\u{202e}')
  })
})

describe('nothing is written outside the directory', () => {
  test.each(['app', 'src'])('a linked folder %s that leads out of it is refused', async (folder) => {
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'postern-outside-')))
    try {
      put('package.json', '{"dependencies":{"next":"16.4.6"}}')
      mkdirSync(join(outside, 'app'))
      symlinkSync(folder === 'app' ? join(outside, 'app') : outside, join(root, folder))
      await expect(initialise(root, plain, nobody)).rejects.toThrow('outside')
      expect(Object.keys(snapshot())).toEqual(['package.json'])
      expect(readdirSync(outside, { recursive: true })).toEqual(['app'])
    } finally {
      rmSync(outside, { recursive: true })
    }
  })

  test('a linked file is neither followed nor replaced', async () => {
    makeApp()
    symlinkSync(join(root, '../elsewhere'), join(root, 'postern.ts'))
    symlinkSync(join(root, '../elsewhere'), join(root, '.gitignore'))
    const { left, written } = await initialise(root, plain, nobody)
    expect(left).toEqual(['postern.ts', '.gitignore'])
    expect(written).toContain('proxy.ts')
  })
})

describe('where it is refused', () => {
  test.each([
    ['no package.json', () => mkdirSync(join(root, 'app')), 'no package.json'],
    ['no app folder', () => put('package.json', '{"dependencies":{"next":"16.4.6"}}'), 'no Next.js app'],
    ['no next', () => put('package.json', '{}'), 'no Next.js app'],
    ['a broken package.json', () => put('package.json', '{'), 'no Next.js app'],
    ['next 15', () => makeApp({ next: '^15.5.0' }), 'next is ^15.5.0 here'],
    ['a prerelease of 16', () => makeApp({ next: '16.0.0-canary.1' }), 'next is 16.0.0-canary.1 here'],
  ])('%s', async (_, prepare, message) => {
    prepare()
    const before = snapshot()
    await expect(initialise(root, plain, nobody)).rejects.toThrow(message)
    expect(snapshot()).toEqual(before)
  })

  test.each([
    ['16.2.10', 'below 16.2.11'],
    ['16.2.11-canary.3', 'below 16.2.11'],
    ['^16', 'below 16.2.11'],
    ['latest', "doesn't show"],
  ])('next %s is warned of', async (next, warning) => {
    makeApp({ next })
    expect((await initialise(root, plain, nobody)).warnings).toEqual([expect.stringContaining(warning)])
  })

  test('the installed next counts, also where a workspace keeps it further up', () => {
    makeApp({ next: '^16.0.0' })
    put('packages/web/package.json', '{"dependencies":{"next":"^16.0.0"}}')
    put('packages/web/app/page.tsx', '')
    put('node_modules/next/package.json', '{"version":"16.4.6"}')
    expect(findNextApp(join(root, 'packages/web'))?.next?.text).toBe('16.4.6')
  })

  test.each([
    ['16.2.11', false],
    ['16.3.0', false],
    ['17.0.0-rc.1', false],
    ['16.2.11-canary.0', true],
    ['16.2.2', true],
    ['9.99.99', true],
  ])('%s is below 16.2.11: %s', (text, expected) => {
    const version = readVersion(text)
    expect(version !== null && isBelow(version, '16.2.11')).toBe(expected)
  })
})

test('a difference keeps what stays, in order', () => {
  expect(lineDiff('a\nb\nc\n', 'a\nx\nc\nd\n')).toBe('  a\n- b\n+ x\n  c\n+ d')
  expect(lineDiff('', 'a\n')).toBe('+ a')
  expect(lineDiff('a\r\n', 'a\n')).toBe('  a')
})

test('what is written type-checks against the package, as Next sets a project up', async () => {
  for (const [name, appFolder, isAll] of [
    ['plain', 'app', false],
    ['all', 'src/app', true],
  ] as const) {
    put(`${name}/package.json`, '{"dependencies":{"next":"16.4.6"}}')
    put(`${name}/${appFolder}/page.ts`, 'export default () => null\n')
    await initialise(join(root, name), { clerk: isAll, cron: isAll, yes: true }, nobody)
  }
  put('next.d.ts', nextTypes)
  put('tsconfig.json', JSON.stringify(asNextSetsItUp))
  // Without it an empty list would mean little.
  put(
    'wrong.ts',
    "import settings from './all/postern.config'\nexport const wrong: string = settings.routes\n",
  )
  expect(problemsOf(root)).toEqual([expect.stringMatching(/^wrong\.ts.*TS2322/)])
})

const repository = join(import.meta.dirname, '../..')

const asNextSetsItUp = {
  compilerOptions: {
    target: 'ES2023',
    lib: ['dom', 'dom.iterable', 'esnext'],
    strict: true,
    noEmit: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    // The package's sources stand in for its types.
    allowImportingTsExtensions: true,
    esModuleInterop: true,
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: 'react-jsx',
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
    paths: {
      postern: [join(repository, 'src/index.ts')],
      'postern/next': [join(repository, 'src/next/create-postern.ts')],
    },
  },
  include: ['**/*.ts'],
}

/** As far as Next and Clerk declare what the files use. */
const nextTypes = `declare module 'next/server' {
  export class NextRequest extends Request {
    readonly nextUrl: URL & { basePath: string }
  }
  export class NextResponse extends Response {
    static redirect(url: string | URL, init?: number | ResponseInit): NextResponse
  }
  export class NextFetchEvent {
    readonly sourcePage: string
    waitUntil(promise: Promise<unknown>): void
  }
  export type NextMiddleware = (
    request: NextRequest,
    event: NextFetchEvent,
  ) => NextResponse | Response | null | undefined | void | Promise<NextResponse | Response | null | undefined | void>
}
declare module '@clerk/nextjs/server' {
  export function clerkMiddleware(options?: { jwtKey?: string | undefined }): import('next/server').NextMiddleware
}
`

/** What the compiler says about files of the app; others' sources have a check of their own. */
function problemsOf(directory: string): string[] {
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], {
    cwd: directory,
    encoding: 'utf8',
  })
  return stdout.split('\n').filter((line) => line.includes('error') && !line.startsWith('..'))
}

describe('the command', () => {
  test('writes with --yes --json, and answers one line', async () => {
    makeApp()
    const ran = await run(['init', '--yes', '--json'], { cwd: root })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ran.stdout)).toMatchObject({ left: [], written: expect.arrayContaining(['proxy.ts']) })
    expect(existsSync(join(root, '.postern'))).toBe(false)
  })

  test('without a terminal shows the plan, and writes only with --yes', async () => {
    makeApp()
    const before = snapshot()
    const ran = await run(['init'], { cwd: root })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toMatch(/^postern: nothing was written[^\n]*--yes\n$/)
    expect(ran.stdout).toContain('proxy.ts will be written:')
    expect(snapshot()).toEqual(before)
    expect((await run(['init', '--json'], { cwd: root })).code).toBe(2)
    expect((await run(['init', '--force'], { cwd: root })).code).toBe(2)
  })
})
