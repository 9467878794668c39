import { describe, expect, it } from 'vitest'
import { keyStates } from '../../../src/admin/schemas-keys.ts'
import { allKeys, states } from '../../../ui/src/keys-list/filters.ts'
import { keyViews, viewOf, withView } from '../../../ui/src/keys-list/views.ts'

describe('the views of the keys list', () => {
  it('are known again by their filters, and keep the search and the owner', () => {
    const filters = { ...allKeys, search: 'cron', owner: 'a@b.example', states: ['revoked'] as const }
    for (const { value } of keyViews) {
      const seen = withView(filters, value)
      expect(viewOf(seen)).toBe(value)
      expect(seen).toMatchObject({ search: 'cron', owner: 'a@b.example' })
    }
  })

  it('are none of them where filters are set that they do not have', () => {
    expect(viewOf({ ...allKeys, states: ['revoked'] })).toBeNull()
    expect(viewOf({ ...allKeys, expiringWithin: '3d' })).toBeNull()
  })

  it('leave no state out, and know all that the server knows', () => {
    expect([...withView(allKeys, 'working').states, ...withView(allKeys, 'ended').states].sort()).toEqual(
      [...states].sort(),
    )
    expect([...states].sort()).toEqual([...keyStates].sort())
  })
})
