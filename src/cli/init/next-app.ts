import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A Next.js app, as far as it shows from outside. */
export interface NextApp {
  root: string
  /** The folder that `app` lies in, and `proxy.ts` beside it: `''`, or `src/`. */
  base: '' | 'src/'
  /** Null where neither the installed package nor a range in package.json tells. */
  next: NextVersion | null
  /** What package.json names, of any kind. */
  dependencies: ReadonlySet<string>
}

export interface NextVersion {
  /** As it is written. */
  text: string
  numbers: readonly [number, number, number]
  isPrerelease: boolean
}

/** The first release whose `proxy.ts` is the gate that we need. */
export const lowestNext = '16.0.0'
/** Below this, requests came past a proxy in ways that are known. */
export const safeNext = '16.2.11'

/** What `proxy` and its predecessor may be called in an app: Next's default `pageExtensions`. */
export const scriptExtensions = ['ts', 'tsx', 'js', 'jsx'] as const

/** The Next.js app in a directory; null where package.json doesn't name next, or there is no `app` folder. */
export function findNextApp(root: string): NextApp | null {
  const manifest = readJson(join(root, 'package.json'))
  if (manifest === null) return null
  const named = dependenciesOf(manifest)
  const range = named.get('next')
  // As Next does: `app` counts before `src/app`.
  const base = isDirectory(join(root, 'app')) ? '' : isDirectory(join(root, 'src/app')) ? 'src/' : null
  if (range === undefined || base === null) return null
  return {
    root,
    base,
    next: installedNext(root) ?? readVersion(range),
    dependencies: new Set(named.keys()),
  }
}

/** Reads `16.4.6`, or the lowest version that a range such as `^16.2` allows; null for a tag or anything else. */
export function readVersion(text: string): NextVersion | null {
  const match = /^(?:[~^]|>=)?\s*v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(-[0-9A-Za-z.-]+)?$/.exec(
    text.trim(),
  )
  if (match === null) return null
  const [, major, minor, patch, prerelease] = match
  return {
    text,
    numbers: [Number(major), Number(minor ?? 0), Number(patch ?? 0)],
    isPrerelease: prerelease !== undefined,
  }
}

/** Whether a version comes before a release; a prerelease of the same numbers does. */
export function isBelow(version: NextVersion, release: string): boolean {
  const numbers = release.split('.').map(Number)
  for (const [at, number] of version.numbers.entries()) {
    const other = numbers[at] ?? 0
    if (number !== other) return number < other
  }
  return version.isPrerelease
}

/** Looked for upwards as Node does, since workspaces keep packages at their root. */
function installedNext(root: string): NextVersion | null {
  for (let directory = root; ; directory = dirname(directory)) {
    const manifest = readJson(join(directory, 'node_modules/next/package.json'))
    const version = manifest === null ? undefined : Reflect.get(manifest, 'version')
    if (typeof version === 'string') return readVersion(version)
    if (directory === dirname(directory)) return null
  }
}

function dependenciesOf(manifest: object): Map<string, string> {
  const named = new Map<string, string>()
  for (const kind of ['devDependencies', 'optionalDependencies', 'dependencies']) {
    const group: unknown = Reflect.get(manifest, kind)
    if (typeof group !== 'object' || group === null) continue
    for (const [name, range] of Object.entries(group)) if (typeof range === 'string') named.set(name, range)
  }
  return named
}

function readJson(path: string): object | null {
  if (!existsSync(path)) return null
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
