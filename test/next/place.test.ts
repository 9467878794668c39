import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { settle } from '../../src/next/place.ts'

const embedded = parseConfig({}, {}, '/app')
const onPostgres = parseConfig({ database: 'postgres://db/app' }, {}, '/app')

describe('where the app runs', () => {
  it.each(['VERCEL', 'AWS_LAMBDA_FUNCTION_NAME', 'NETLIFY', 'K_SERVICE', 'FUNCTIONS_WORKER_RUNTIME'])(
    'refuses the embedded database on serverless (%s), and says why',
    (variable) => {
      expect(() => settle(embedded, { [variable]: '1' })).toThrow(
        expect.objectContaining({
          code: 'embedded_on_serverless',
          message: expect.stringContaining('DATABASE_URL'),
        }),
      )
    },
  )

  it('refuses to open anything while Next builds the app, whatever the database', () => {
    for (const config of [embedded, onPostgres])
      expect(() => settle(config, { NEXT_PHASE: 'phase-production-build' })).toThrow(
        expect.objectContaining({ code: 'build_phase', message: expect.stringContaining('force-dynamic') }),
      )
  })

  it('refuses the edge runtime', () => {
    expect(() => settle(onPostgres, { NEXT_RUNTIME: 'edge' })).toThrow(
      expect.objectContaining({ code: 'edge_runtime' }),
    )
  })

  it('takes a writable directory on serverless, unless one is named', () => {
    expect(settle(onPostgres, { VERCEL: '1' }).dataDir.startsWith(tmpdir())).toBe(true)
    expect(settle(onPostgres, { VERCEL: '1', POSTERN_DATA: '/tmp/own' })).toBe(onPostgres)
  })

  it('leaves the settings alone on a server', () => {
    expect(settle(embedded, { NODE_ENV: 'production' })).toBe(embedded)
  })
})
