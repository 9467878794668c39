import { afterAll, beforeAll, describe } from 'vitest'
import type { Store } from '../../src/domain/ports.ts'
import { changeConformance } from './conformance-changes.ts'
import { gapConformance } from './conformance-gaps.ts'
import { keyListConformance } from './conformance-key-list.ts'
import { keyConformance } from './conformance-keys.ts'
import { loginConformance } from './conformance-logins.ts'
import { managementKeyConformance } from './conformance-management-keys.ts'
import { nodeConformance } from './conformance-nodes.ts'
import { noticeConformance } from './conformance-notices.ts'
import { peopleConformance } from './conformance-people.ts'
import { rollUpConformance } from './conformance-roll-up.ts'
import { sweepConformance } from './conformance-sweep.ts'
import { sealConformance } from './conformance-seals.ts'
import { trailConformance } from './conformance-trail.ts'
import { usageConformance } from './conformance-usage.ts'

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
    changeConformance(current)
    sweepConformance(current)
    noticeConformance(current)
    trailConformance(current)
    sealConformance(current)
    usageConformance(current)
    rollUpConformance(current)
    keyListConformance(current)
    peopleConformance(current)
    loginConformance(current)
    managementKeyConformance(current)
    nodeConformance(current)
    gapConformance(current)
  })
}
