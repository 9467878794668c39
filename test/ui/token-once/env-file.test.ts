import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { envFile } from '../../../ui/src/token-once/env-file.ts'

const character = fc.integer({ min: 0, max: 0x10ffff }).map((point) => String.fromCodePoint(point))
const anyText = fc.string({ unit: character })

const key = { name: 'CI runner', serviceUser: 'crawler', expiresAt: '2027-06-01T00:00:00.000Z' }

describe('the .env file of a new key', () => {
  it('holds the token once, with what it is and when it ends', () => {
    expect(envFile(key, 'pst_secret', 'https://api.example.com/mcp')).toEqual({
      name: 'ci-runner.env',
      text:
        '# CI runner (service user crawler)\n' +
        '# It ends at 2027-06-01T00:00:00.000Z. Keep this file out of git.\n' +
        '# For https://api.example.com/mcp\n' +
        'POSTERN_KEY=pst_secret\n',
    })
  })

  it('holds one assignment, whatever a key is called, and a name that any system takes', () => {
    fc.assert(
      fc.property(anyText, anyText, (name, serviceUser) => {
        const file = envFile({ ...key, name, serviceUser }, 'pst_secret', null)
        const lines = file.text.split(/\r\n|[\n\r\u2028\u2029\u0085]/)
        expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
          'POSTERN_KEY=pst_secret',
        ])
        expect(file.name).toMatch(/^[a-z0-9][a-z0-9-]*\.env$/)
      }),
    )
    expect(envFile({ ...key, name: '../../etc/passwd' }, 't', null).name).toBe('etc-passwd.env')
    expect(envFile({ ...key, name: '鍵' }, 't', null).name).toBe('service-key.env')
  })
})
