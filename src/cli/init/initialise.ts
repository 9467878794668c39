import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CommandFailed } from '../failure.ts'
import { shown } from '../terminal.ts'
import { filesFor, proxyByHand } from './files.ts'
import { lineDiff } from './line-diff.ts'
import { findNextApp, isBelow, lowestNext, type NextApp, safeNext } from './next-app.ts'
import { type Planned, planFiles } from './plan.ts'
import { writeWhole } from './write.ts'

export interface InitOptions {
  /** Where @clerk/nextjs is a dependency it is assumed. */
  clerk: boolean
  cron: boolean
  /** Writes what is new without asking, and leaves what is there. */
  yes: boolean
}

/** Whom the plan is shown to, and who is asked. */
export interface Talk {
  show(text: string): Promise<void>
  /** Null where nobody can be asked. */
  ask: ((question: string) => Promise<boolean>) | null
}

/** What became of the files: paths from the app's root. */
export interface Initialised {
  written: string[]
  /** Were as they should be. */
  unchanged: string[]
  /** Are there and differ, and were not overwritten. */
  left: string[]
  /** What to know before it goes into service. */
  warnings: string[]
  /** What is left to do. */
  next: string[]
}

/**
 * Sets Postern up in the Next.js app in `root`: shows what it would write, asks, and only then writes. Throws
 * {@link CommandFailed} where that can't be done, with nothing written.
 */
export async function initialise(root: string, options: InitOptions, talk: Talk): Promise<Initialised> {
  const app = appIn(root)
  const clerk = options.clerk || app.dependencies.has('@clerk/nextjs')
  const warnings = warningsOf(app)
  const planned = planFiles(root, filesFor(app, { clerk, cron: options.cron }))
  const isOver = planned.every(({ state }) => state === 'same')
  const toWrite = isOver ? [] : await agreed(planned, options, talk)
  for (const file of toWrite) writeWhole(root, { ...file, before: 'before' in file ? file.before : null })
  const written = toWrite.map(({ path }) => path)
  const isLeft = ({ state, path }: Planned) => state !== 'same' && !written.includes(path)
  return {
    written,
    unchanged: planned.filter(({ state }) => state === 'same').map(({ path }) => path),
    left: planned.filter(isLeft).map((file) => (file.state === 'blocked' ? file.by : file.path)),
    warnings,
    next: nextSteps(app, { ...options, clerk }),
  }
}

function appIn(root: string): NextApp {
  const app = findNextApp(root)
  if (app === null)
    throw new CommandFailed(
      existsSync(join(root, 'package.json'))
        ? 'there is no Next.js app here: it takes next in package.json, and a folder app or src/app'
        : 'there is no package.json here: run it in the folder of a Next.js app',
    )
  if (app.next !== null && isBelow(app.next, lowestNext))
    throw new CommandFailed(
      `next is ${app.next.text} here, and proxy.ts came with 16: npm install next@latest, then again`,
    )
  return app
}

function warningsOf({ next }: NextApp): string[] {
  if (next === null) return [`which next this is doesn't show: it must be at least ${safeNext}`]
  return isBelow(next, safeNext)
    ? [`next is ${next.text}: below ${safeNext} requests can come past proxy.ts; npm install next@latest`]
    : []
}

/** What may be written. Whoever is asked has seen all of it. */
async function agreed(planned: readonly Planned[], options: InitOptions, talk: Talk): Promise<Planned[]> {
  const canAsk = talk.ask !== null && !options.yes
  await talk.show(planned.map((file) => describe(file, canAsk)).join('\n\n'))
  const fresh = planned.filter(({ state }) => state === 'new')
  const additions = planned.filter(({ state }) => state === 'addition')
  if (options.yes) return [...fresh, ...additions]
  if (talk.ask === null)
    throw new CommandFailed('nothing was written: where nobody can be asked it takes --yes')

  const chosen: Planned[] = []
  if (fresh.length > 0) {
    if (!(await talk.ask(`Write ${fresh.map(({ path }) => path).join(', ')}?`)))
      throw new CommandFailed('nothing was written')
    chosen.push(...fresh)
  }
  for (const file of planned) {
    if (file.state === 'addition' && (await talk.ask(`Add that line to ${file.path}?`))) chosen.push(file)
    if (file.state === 'differs' && (await talk.ask(`Overwrite ${file.path}?`))) chosen.push(file)
  }
  return chosen
}

/** One file of the plan, for people. What is in the files that are there is shown to nobody but who can be asked. */
function describe(file: Planned, canAsk: boolean): string {
  const { path } = file
  if (file.state === 'same') return `${path} is as it should be.`
  if (file.state === 'new') return `${path} will be written:\n${indented(file.content)}`
  if (file.state === 'addition') return `${path} gets a line:\n${indented('+ .postern/')}`
  const isProxy = path.endsWith('proxy.ts')
  if (file.state === 'blocked')
    return `${path} will not be written: there is ${shown(file.by)}. By hand${
      isProxy ? `, in proxy.ts in its place:\n${indented(proxyByHand)}` : `:\n${indented(file.content)}`
    }`
  const diff = canAsk ? `; overwriting would change:\n${indented(lineDiff(file.before, file.content))}` : '.'
  const hand = isProxy ? `\nTo keep what it does, by hand instead:\n${indented(proxyByHand)}` : ''
  return `${path} is there, and differs${diff}${hand}`
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${shown(line)}`.trimEnd())
    .join('\n')
}

function nextSteps({ dependencies, base }: NextApp, { clerk, cron }: InitOptions): string[] {
  const missing = ['postern', ...(clerk ? ['@clerk/nextjs', '@clerk/backend'] : [])].filter(
    (name) => !dependencies.has(name),
  )
  return [
    ...(missing.length > 0 ? [`npm install ${missing.join(' ')}`] : []),
    ...(clerk ? ['set CLERK_JWT_KEY, CLERK_ISSUER and APP_ORIGIN, for the build too'] : []),
    clerk
      ? 'set POSTERN_ADMINS to the Clerk user ids of those who may manage keys, at /admin/api-keys'
      : `say in ${base}app/admin/api-keys/[[...path]]/route.ts who may manage keys, at /admin/api-keys`,
    ...(cron ? ['set CRON_SECRET, and let a scheduler GET /postern/tick each minute with it'] : []),
    'name your routes in postern.config.ts: whatever none of them matches is now refused',
    'npx postern doctor (it reads the environment, and no .env file)',
    'npx postern service-users create NAME --owner EMAIL, then npx postern keys create --service-user NAME',
    "try the key: curl -H 'Authorization: Bearer …' http://localhost:3000/api/agents/whoami",
  ]
}
