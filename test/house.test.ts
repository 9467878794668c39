import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Which floor a room lies on. A room imports from the floors below it, and from itself. */
const floorOf: Record<string, number> = {
  domain: 1,
  mcp: 2,
  verify: 2,
  identity: 2,
  keys: 2,
  limits: 2,
  audit: 2,
  notices: 2,
  outbound: 2,
  upkeep: 2,
  store: 2,
  client: 2,
  // The settings, with their file; and the log, which every floor above may hold.
  config: 2,
  log: 2,
  version: 2,
  admin: 3,
  postern: 4,
  // Reading requests and answering refusals, for gateway and next.
  front: 4,
  gateway: 5,
  next: 5,
  index: 6,
  cli: 6,
  demo: 6,
  testing: 6,
}

/** What a room may import beyond its floor, or not although the floor would allow it. */
const sameFloor: Record<string, readonly string[]> = {
  // Their level's names come from the settings.
  log: ['config'],
  index: ['cli', 'demo', 'testing'],
  cli: ['index', 'demo', 'testing'],
  demo: ['index', 'cli', 'testing'],
  testing: ['index', 'cli', 'demo'],
}
const withoutStore: readonly string[] = ['admin', 'gateway', 'next']

/** Packages that have one place. */
const placeOf: Record<string, RegExp> = {
  pg: /^store\/postgres\.ts$/,
  '@electric-sql/pglite': /^store\/pglite(-worker)?\.(ts|js)$/,
  '@electric-sql/pglite-prepopulatedfs': /^store\/pglite(-worker)?\.(ts|js)$/,
  undici: /^(cli|client|outbound)\//,
  hono: /^admin\//,
  commander: /^cli\//,
  c12: /^config-file\.ts$/,
  pino: /^log\.ts$/,
  'prom-client': /^gateway\/metrics\.ts$/,
  ioredis: /^limits\//,
  'rate-limiter-flexible': /^limits\//,
  nodemailer: /^notices\/email\.ts$/,
  standardwebhooks: /^(notices\/webhook|upkeep\/webhook-target)\.ts$/,
  'ipaddr.js': /^outbound\/address\.ts$/,
  'better-auth': /^admin\/sign-in\//,
  '@better-auth/passkey': /^admin\/sign-in\//,
  '@modelcontextprotocol/server': /^demo\//,
  '@modelcontextprotocol/node': /^demo\//,
}

const src = join(import.meta.dirname, '../src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(ts|js)$/.test(file))
  .map((file) => file.replaceAll('\\', '/'))
const importsOf = new Map(files.map((file) => [file, readImports(file)]))

interface Imports {
  /** Files of ours, relative to src. */
  own: string[]
  packages: string[]
}

function readImports(file: string): Imports {
  const text = readFileSync(join(src, file), 'utf8')
  const specifiers = [
    ...text.matchAll(/^\s*(?:import|export)\b[^'"]*?\bfrom\s*'([^']+)'/gms),
    ...text.matchAll(/^\s*import\s*'([^']+)'/gm),
    ...text.matchAll(/\b(?:import|new URL)\(\s*'([^']+)'/g),
  ].map((match) => match[1] ?? '')
  return {
    own: specifiers
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) =>
        relative(src, normalize(join(src, dirname(file), specifier))).replaceAll('\\', '/'),
      ),
    packages: specifiers.filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:')),
  }
}

/** `verify` of `verify/lease.ts`; `config` of `config.ts`, `config-file.ts` and `config/route.ts`. */
function roomOf(file: string): string {
  return (file.includes('/') ? file.slice(0, file.indexOf('/')) : file).replace(
    /(-file)?(\.gen)?\.(ts|js)$/,
    '',
  )
}

/** The sources behind the package's subpaths. */
const exported = new Map(
  Object.entries(
    (
      JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
        exports: Record<string, string | { default: string }>
      }
    ).exports,
  ).flatMap(([name, target]) =>
    typeof target === 'string'
      ? []
      : [[name, target.default.replace('./dist/', '').replace(/\.js$/, '.ts')] as const],
  ),
)

function reachedFrom(roots: readonly string[]): Set<string> {
  const seen = new Set<string>()
  const queue = [...roots]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    queue.push(...(importsOf.get(file)?.own ?? []))
  }
  return seen
}

describe('the house', () => {
  it('has a floor for every room', () => {
    expect(files.map(roomOf).filter((room) => floorOf[room] === undefined)).toEqual([])
  })

  it('imports downwards only', () => {
    const wrong: string[] = []
    for (const [file, { own }] of importsOf) {
      const room = roomOf(file)
      for (const imported of own) {
        const other = roomOf(imported)
        if (other === room) continue
        const isBelow =
          (floorOf[other] ?? 9) < (floorOf[room] ?? 0) || sameFloor[room]?.includes(other) === true
        if (!isBelow || (other === 'store' && withoutStore.includes(room)))
          wrong.push(`${file} imports ${imported}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('lets the domain import nothing but its own files, hashes, randomness and crc', () => {
    const allowed = ['node:crypto', 'node:zlib']
    const wrong = files
      .filter((file) => file.startsWith('domain/'))
      .flatMap((file) =>
        [...readFileSync(join(src, file), 'utf8').matchAll(/from '([^.'][^']*)'/g)]
          .map((match) => match[1] ?? '')
          .filter((specifier) => !allowed.includes(specifier))
          .map((specifier) => `${file} imports ${specifier}`),
      )
    expect(wrong).toEqual([])
  })

  it('lets the domain read no clock', () => {
    const readers = files.filter(
      (file) =>
        file.startsWith('domain/') &&
        /Date\.now|performance\.now|new Date\(\)/.test(readFileSync(join(src, file), 'utf8')),
    )
    expect(readers).toEqual([])
  })

  it('compares digests in constant time, and in no other way (T14)', () => {
    const authenticator = readFileSync(join(src, 'verify/service-key-authenticator.ts'), 'utf8')
    expect(authenticator).toMatch(/\btimingSafeEqual\((\w+\.)?digest, (\w+\.)?digest\)/)
    // Their lengths are no secret.
    const wrong = [/\bdigest\b(?!\.length)[^\s=]*\s*[!=]==?/i, /[!=]==?\s*[\w.]*\bdigest\b(?!\.length)/i]
    const inVerify = [...wrong, /\b(equals|compare|localeCompare)\b/]
    const comparing = files.flatMap((file) =>
      readFileSync(join(src, file), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\*|\/)/.test(line))
        .filter((line) => (file.startsWith('verify/') ? inVerify : wrong).some((way) => way.test(line)))
        .map((line) => `${file}: ${line.trim()}`),
    )
    expect(comparing).toEqual([])
  })

  it('keeps each library in its place', () => {
    const wrong: string[] = []
    for (const [file, { packages }] of importsOf) {
      for (const name of packages) {
        const base = name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/')
        if (placeOf[base] !== undefined && !placeOf[base].test(file)) wrong.push(`${file} imports ${name}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('imports only packages that package.json declares', () => {
    const manifest = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
      dependencies: object
      peerDependencies: object
    }
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies }
    const used = new Set(
      [...importsOf.values()].flatMap(({ packages }) =>
        packages.map((name) =>
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
      ),
    )
    expect([...used].filter((name) => !(name in declared))).toEqual([])
  })

  it('has no file that nothing imports', () => {
    const seen = reachedFrom(['cli/main.ts', ...exported.values()])
    expect(files.filter((file) => !seen.has(file))).toEqual([])
  })

  it.each([
    ['./verify-assertion', ['jose'], ['domain', 'identity']],
    ['./client', [], ['domain', 'client']],
  ] as const)('lets %s bring nothing else into a backend', (name, packages, rooms) => {
    const seen = [...reachedFrom([exported.get(name) ?? ''])]
    expect(new Set(seen.flatMap((file) => importsOf.get(file)?.packages ?? []))).toEqual(new Set(packages))
    expect(seen.filter((file) => !(rooms as readonly string[]).includes(roomOf(file)))).toEqual([])
  })

  it('has no folder of leftovers and no note to do it later', () => {
    expect(
      files.filter((file) => /(^|\/)(utils?|lib|helpers?|interfaces|misc|common)(\/|\.)/.test(file)),
    ).toEqual([])
    const notes = files.filter((file) =>
      /\b(TODO|FIXME|XXX|HACK)\b/.test(readFileSync(join(src, file), 'utf8')),
    )
    expect(notes).toEqual([])
  })

  it('has no barrel but index.ts', () => {
    const barrels = files.filter(
      (file) => file !== 'index.ts' && /^export \* from/m.test(readFileSync(join(src, file), 'utf8')),
    )
    expect(barrels).toEqual([])
  })

  it('lets the bridge take only types of src, and what client/ and domain/ have; and bundle only what it declares', () => {
    const connect = join(src, '../connect')
    const manifest = JSON.parse(readFileSync(join(connect, 'package.json'), 'utf8')) as {
      dependencies?: object
      devDependencies: object
    }
    // What it needs is in the bundle: npx installs nothing beside it.
    expect(manifest.dependencies).toBeUndefined()
    const wrong: string[] = []
    const reached = new Set<string>()
    const all = readdirSync(join(connect, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map((file) => join('connect/src', file).replaceAll('\\', '/'))
    for (const file of all) {
      const text = readFileSync(join(src, '..', file), 'utf8')
      const statements = [
        ...text.matchAll(/^\s*(import|export)\b([^'"]*?)\bfrom\s*'([^']+)'/gms),
        ...text.matchAll(/\b(import)(\()\s*'([^']+)'/g),
      ]
      for (const [, , what = '', from = ''] of statements) {
        const isType = /^\s*type\b/.test(what)
        if (from.startsWith('node:')) continue
        if (!from.startsWith('.')) {
          const name = from
            .split('/')
            .slice(0, from.startsWith('@') ? 2 : 1)
            .join('/')
          if (!(name in manifest.devDependencies)) wrong.push(`${file} imports ${from}`)
          continue
        }
        const target = normalize(join(dirname(file), from)).replaceAll('\\', '/')
        if (target.startsWith('connect/')) reached.add(target)
        else if (!isType && !/^src\/(client|domain)\//.test(target)) wrong.push(`${file} imports ${from}`)
      }
      if (/\b(TODO|FIXME|XXX|HACK)\b/.test(text)) wrong.push(`${file} has a note`)
    }
    expect(wrong).toEqual([])
    expect(all.filter((file) => !reached.has(file))).toEqual(['connect/src/main.ts'])
  })
})
