import { createHmac } from 'node:crypto'
import type { OwnKey, SelfRotatedKey } from '../../../src/admin/self-rotation.ts'
import { parseToken } from '../../../src/domain/service-key.ts'
import { BridgeFailure, type SendOutbound } from '../contracts.ts'
import { jsonObjectOf } from './json-answer.ts'

/** Where the gateway of an MCP endpoint tells a key about itself, and rotates it. */
export const ownKeyPath = '/.well-known/postern/rotate'

/** What a key can ask of its gateway. None of it rejects. */
export interface OwnKeys {
  describe(token: string): Promise<Asked<KnownKey>>
  /**
   * Asks for the successor. What it asks with follows from the token alone, so that a repeat, by this process or
   * another, after a lost answer or a crash, is recognised: as long as the successor is unused, it gets a new secret.
   */
  rotate(token: string): Promise<Asked<Successor>>
}

export type Asked<T> =
  | { kind: 'answered'; value: T }
  /** It won't be otherwise soon. `code` is one of the gateway's; empty where it has none. */
  | { kind: 'refused'; status: number; code: string }
  /** Whether it was done isn't known, or it can't be done right now. */
  | { kind: 'unsure'; why: string }

/** Times as epoch milliseconds by the gateway's clock. */
export interface KnownKey {
  isRetiring: boolean
  createdAt: number
  /** The end of its life or of its overlap, whichever comes first. */
  endsAt: number
  /** Until when it may be renewed by itself; null where it may not be. */
  renewableUntil: number | null
  /** The gateway's time. */
  now: number
}

export interface Successor {
  token: string
  expiresAt: number
  predecessorEndsAt: number
}

const headTimeoutMs = 10_000
const timeoutMs = 15_000

export function createOwnKeys(endpoint: URL, send: SendOutbound): OwnKeys {
  const url = new URL(ownKeyPath, endpoint)

  async function ask<T>(
    method: 'GET' | 'POST',
    headers: Record<string, string>,
    read: (body: Record<string, unknown>) => T | null,
  ): Promise<Asked<T>> {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const answer = await send({
        method,
        url,
        headers: { accept: 'application/json', ...headers },
        signal,
        headTimeoutMs,
      })
      const body = await jsonObjectOf(answer.body)
      const { status } = answer
      if (status === 200 || status === 201) {
        const value = body === null ? null : read(body)
        // A 201 that can't be read may have made a successor.
        if (value !== null) return { kind: 'answered', value }
        return status === 201 ? { kind: 'unsure', why: 'the answer can’t be read' } : notOffered
      }
      if (status === 408 || status === 429 || status >= 500)
        return { kind: 'unsure', why: `the gateway answered ${status}` }
      return { kind: 'refused', status, code: codeIn(body) }
    } catch (error) {
      return {
        kind: 'unsure',
        why: error instanceof BridgeFailure ? error.message : 'the answer was cut off',
      }
    }
  }

  return {
    describe: (token) => ask('GET', bearer(token), readOwnKey),
    rotate: (token) =>
      ask('POST', { ...bearer(token), 'idempotency-key': renewalId(token) }, (body) => readSuccessor(body)),
  }
}

const notOffered = { kind: 'refused', status: 200, code: '' } as const

function renewalId(token: string): string {
  return `renewal-${createHmac('sha256', token).update('postern-connect').digest('base64url')}`
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

function codeIn(body: Record<string, unknown> | null): string {
  const code = body?.['code']
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : ''
}

function readOwnKey(body: Partial<Record<keyof OwnKey, unknown>>): KnownKey | null {
  const [createdAt, expiresAt, now] = [body.createdAt, body.expiresAt, body.now].map(instantOf)
  if (createdAt == null || expiresAt == null || now == null) return null
  if (body.state !== 'active' && body.state !== 'retiring') return null
  const retiresAt = instantOf(body.retiresAt)
  return {
    isRetiring: body.state === 'retiring',
    createdAt,
    endsAt: retiresAt === null ? expiresAt : Math.min(expiresAt, retiresAt),
    renewableUntil: body.selfRotate === true ? instantOf(body.renewableUntil) : null,
    now,
  }
}

function readSuccessor(body: Partial<Record<keyof SelfRotatedKey, unknown>>): Successor | null {
  const { token } = body
  const [expiresAt, predecessorEndsAt] = [instantOf(body.expiresAt), instantOf(body.predecessorEndsAt)]
  // It is to replace the key in a file, so it must be one.
  if (typeof token !== 'string' || !isToken(token)) return null
  return expiresAt === null || predecessorEndsAt === null ? null : { token, expiresAt, predecessorEndsAt }
}

function isToken(text: string): boolean {
  return parseToken(text, [text.slice(0, text.indexOf('_'))]) !== null
}

function instantOf(value: unknown): number | null {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : at
}
