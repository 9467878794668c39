import { afterAll, beforeAll, describe } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import { keyConformance } from './conformance-keys.ts'
import { trailConformance } from './conformance-trail.ts'

/** What a store is opened with, so that the suite can open a second one on the same data. */
export interface Opened {
  store: Store
  end(): Promise<void>
}

/** The suite that every engine passes. */
export function conformance(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened
    beforeAll(async () => {
      opened = await open()
      await opened.store.migrate()
    })
    afterAll(() => opened.end())
    const current = (): Store => opened.store
    keyConformance(current)
    trailConformance(current)
  })
}
