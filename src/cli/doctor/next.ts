import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Route } from '../../config/route.ts'
import {
  findNextApp,
  isBelow,
  lowestNext,
  type NextVersion,
  safeNext,
  scriptExtensions,
} from '../init/next-app.ts'
import type { Finding } from './finding.ts'
import { literalAt, withoutComments } from './source-text.ts'

/** The files of a Next.js app that decide what reaches Postern, and how. */
export interface AppSources {
  next: NextVersion | null
  proxy: SourceFile | null
  nextConfig: SourceFile | null
}

interface SourceFile {
  /** From the app's root. */
  path: string
  text: string
}

/** Null where the directory holds no Next.js app. */
export function readAppSources(root: string): AppSources | null {
  const app = findNextApp(root)
  if (app === null) return null
  const first = (paths: readonly string[]) => {
    const path = paths.find((each) => existsSync(join(root, each)))
    return path === undefined ? null : { path, text: readFileSync(join(root, path), 'utf8') }
  }
  return {
    next: app.next,
    proxy: first(scriptExtensions.map((extension) => `${app.base}proxy.${extension}`)),
    nextConfig: first(['ts', 'mts', 'js', 'mjs'].map((extension) => `next.config.${extension}`)),
  }
}

/** Below 16.2.11 requests came past a proxy in ways that are known. */
export function checkNextVersion({ next }: AppSources): Finding | null {
  const check = 'next'
  if (next === null) return null
  if (isBelow(next, lowestNext))
    return {
      check,
      level: 'error',
      message: `is ${next.text}: proxy.ts came with 16; npm install next@latest`,
    }
  if (!isBelow(next, safeNext)) return { check, level: 'ok', message: `is ${next.text}` }
  const message = `is ${next.text}: below ${safeNext} requests can come past proxy.ts; npm install next@latest`
  return { check, level: 'warning', message }
}

/** What Next passes on behind a proxy unless its settings say otherwise. */
const nextBodyBytes = 10 * 1024 * 1024

/** Next cuts off what is over its own limit, without a word, and still calls the handler. */
export function checkBodyLimits({ nextConfig }: AppSources, routes: readonly Route[]): Finding | null {
  const check = 'body'
  if (routes.length === 0) return null
  const setting = nextConfig === null ? 'unset' : readBodyLimit(nextConfig.text)
  const largest = Math.max(...routes.map(({ bodyLimitBytes }) => bodyLimitBytes))
  if (largest > nextBodyBytes) {
    const message = `${overOf(routes, nextBodyBytes)}: bodyLimitBytes over ${nextBodyBytes}, with which the app doesn't start: Next cuts bodies off there`
    return { check, level: 'error', message }
  }
  if (setting === 'unreadable') {
    const message = `proxyClientMaxBodySize of ${nextConfig?.path} is no plain literal: see that it is at least ${largest}, or Next cuts bodies off without a word`
    return { check, level: 'warning', message }
  }
  const limit = setting === 'unset' ? nextBodyBytes : setting
  if (largest <= limit)
    return {
      check,
      level: 'ok',
      message: "bodies over a route's limit are refused before Next cuts them off",
    }
  const message = `${overOf(routes, limit)}: bodyLimitBytes over proxyClientMaxBodySize (${limit}), where Next cuts bodies off without a word: leave that unset, or lower limits.bodyBytes`
  return { check, level: 'warning', message }
}

/** Bytes; as Next reads a number, or a text such as `2mb`. */
export function readBodyLimit(source: string): number | 'unset' | 'unreadable' {
  const text = withoutComments(source)
  const named = /\b(?:proxy|middleware)ClientMaxBodySize\b['"]?\s*/.exec(text)
  if (named === null) return 'unset'
  const value = /^:\s*([\s\S]*)$/.exec(text.slice(named.index + named[0].length))?.[1]
  if (value === undefined) return 'unreadable'
  const literal = literalAt(value)
  if (literal !== null) return endsAt(value, literal.length) ? bytesOf(literal.value) : 'unreadable'
  const product = /^\d[\d_]*(?:\s*\*\s*\d[\d_]*)*/.exec(value)?.[0]
  if (product === undefined || !endsAt(value, product.length)) return 'unreadable'
  return product.split('*').reduce((bytes, factor) => bytes * Number(factor.trim().replaceAll('_', '')), 1)
}

function endsAt(text: string, length: number): boolean {
  return /^\s*[,}]/.test(text.slice(length))
}

function bytesOf(text: string): number | 'unreadable' {
  const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?) *(b|kb|mb|gb)?$/i.exec(text.trim()) ?? []
  if (number === undefined) return 'unreadable'
  return Math.floor(Number(number) * 1024 ** ['b', 'kb', 'mb', 'gb'].indexOf(unit.toLowerCase()))
}

function overOf(routes: readonly Route[], limit: number): string {
  return routes
    .filter(({ bodyLimitBytes }) => bodyLimitBytes > limit)
    .map(({ path }) => path)
    .join(', ')
}
