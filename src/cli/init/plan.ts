import { lstatSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { configFileNames } from '../../config-file.ts'
import type { AppFile } from './files.ts'
import { scriptExtensions } from './next-app.ts'
import { refuseOutside } from './write.ts'

/** A file to write, and what is there in its place. */
export type Planned = AppFile & (New | Same | Differs | Blocked)

interface New {
  state: 'new'
}

interface Same {
  state: 'same'
}

/** `before` is what is there; an addition keeps all of it. */
interface Differs {
  state: 'differs' | 'addition'
  before: string
}

/** `by` does the same under another name, or is nothing that can be written over. */
interface Blocked {
  state: 'blocked'
  by: string
}

/** Compares files with what a directory holds. Throws `CommandFailed` for one that would lie outside of it. */
export function planFiles(root: string, files: readonly AppFile[]): Planned[] {
  return [...files.map((file) => planFile(root, file)), planIgnore(root)]
}

function planFile(root: string, file: AppFile): Planned {
  refuseOutside(root, file.path)
  const by = rivalOf(root, file.path)
  if (by !== null) return { ...file, state: 'blocked', by }
  const before = readIfThere(root, file.path)
  if (before === null) return { ...file, state: 'new' }
  if (before === 'no file') return { ...file, state: 'blocked', by: file.path }
  return sameText(before.text, file.content)
    ? { ...file, state: 'same' }
    : { ...file, state: 'differs', before: before.text }
}

/** The embedded database, and the key that assertions are signed with, are no part of a repository. */
function planIgnore(root: string): Planned {
  const path = '.gitignore'
  const line = '.postern/'
  const before = readIfThere(root, path)
  if (before === null) return { path, content: `${line}\n`, state: 'new' }
  if (before === 'no file') return { path, content: `${line}\n`, state: 'blocked', by: path }
  const { text } = before
  const isIgnored = text.split(/\r?\n/).some((each) => /^\/?\.postern\/?$/.test(each.trim()))
  if (isIgnored) return { path, content: text, state: 'same' }
  const start = text === '' || text.endsWith('\n') ? text : `${text}\n`
  return { path, content: `${start}${line}\n`, state: 'addition', before: text }
}

/** A file under another name that would count beside this one, or instead of it. */
function rivalOf(root: string, path: string): string | null {
  const directory = dirname(path)
  const name = basename(path)
  const rivals =
    name === 'postern.config.ts'
      ? configFileNames
      : (name === 'proxy.ts' ? ['proxy', 'middleware'] : [name.slice(0, -'.ts'.length)]).flatMap((stem) =>
          scriptExtensions.map((extension) => `${stem}.${extension}`),
        )
  const there = new Set(listIfThere(join(root, directory)))
  const rival = rivals.find((other) => other !== name && there.has(other))
  return rival === undefined ? null : directory === '.' ? rival : `${directory}/${rival}`
}

function readIfThere(root: string, path: string): { text: string } | 'no file' | null {
  const stat = lstatSync(join(root, path), { throwIfNoEntry: false })
  if (stat === undefined) return null
  // A link may lead anywhere.
  return stat.isFile() ? { text: readFileSync(join(root, path), 'utf8') } : 'no file'
}

function listIfThere(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function sameText(left: string, right: string): boolean {
  return left.replaceAll('\r\n', '\n') === right.replaceAll('\r\n', '\n')
}
