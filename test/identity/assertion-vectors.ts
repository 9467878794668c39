import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Asserted } from '../../src/identity/assertions.ts'
import type { VerifyAssertionOptions } from '../../src/identity/verify-assertion.ts'

interface Checked {
  why: string
  token: string
  nowMs?: number
  audience?: string[]
  clockToleranceSeconds?: number
  requireBinding?: boolean
  request?: { method: string; path: string; body?: string }
}

interface Vectors {
  seedHex: string
  seed: string
  pem: string
  jwks: Exclude<VerifyAssertionOptions['jwks'], string | URL>
  issued: {
    why: string
    asserted: Asserted
    audience: string
    nowMs: number
    claims: Record<string, unknown>
    token: string
  }[]
  accepted: Checked[]
  refused: (Checked & { code: string })[]
}

/** Made by another implementation, in another language. */
export const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../vectors/assertion.json'), 'utf8'),
) as Vectors

export const vectorNowMs = 1_800_000_000_000

/** What a vector is checked with. */
export function optionsOf({
  audience,
  clockToleranceSeconds,
  requireBinding,
  request,
}: Checked): VerifyAssertionOptions {
  return {
    jwks: vectors.jwks,
    audience: audience ?? '/mcp',
    ...(clockToleranceSeconds === undefined ? {} : { clockToleranceSeconds }),
    ...(requireBinding === undefined ? {} : { requireBinding }),
    ...(request === undefined
      ? {}
      : {
          request: {
            method: request.method,
            path: request.path,
            ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
          },
        }),
  }
}
