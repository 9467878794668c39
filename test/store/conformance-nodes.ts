import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { deploymentId } from '../../src/domain/node-store.ts'
import type { NodeReport } from '../../src/domain/node-store.ts'
import type { Store } from '../../src/domain/ports.ts'
import { at, serviceUser } from './records.ts'

function node(over: Partial<NodeReport> = {}): NodeReport {
  return {
    id: randomUUID(),
    boot: randomUUID(),
    host: 'a-host',
    version: '1.2.3',
    appliedEpoch: 3,
    leaseAgeMs: 12.5,
    clockOffsetMs: null,
    refusing: null,
    ...over,
  }
}

/** Nodes, and jobs that one of them may do: what every engine passes. */
export function nodeConformance(current: () => Store): void {
  const nodes = () => current().nodes
  const seen = async (boot: string) => (await nodes().list()).nodes.find((each) => each.boot === boot)

  describe('nodes', () => {
    test('are seen as they reported last, one row a run, with the current epoch', async () => {
      const first = node()
      const { epoch } = await nodes().report(first)
      expect(await seen(first.boot)).toEqual({ ...first, seenMsAgo: expect.any(Number) })
      const later = {
        ...first,
        appliedEpoch: 7,
        clockOffsetMs: -31_000.5,
        refusing: 'epoch_went_back',
      } as const
      await nodes().report(later)
      expect(await seen(first.boot)).toEqual({ ...later, seenMsAgo: expect.any(Number) })
      const copy = { ...first, boot: randomUUID() }
      await nodes().report(copy)
      const list = await nodes().list()
      expect(list.nodes.filter(({ id }) => id === first.id)).toHaveLength(2)
      expect(list.epoch).toBe(epoch)
      expect((await current().lookups.poll(0)).epoch).toBe(epoch)
    })

    test('hear the current epoch and the clock of the database', async () => {
      await current().keys.createServiceUser(serviceUser())
      const reported = await nodes().report(node())
      expect(reported.epoch).toBe((await current().lookups.poll(Number.MAX_SAFE_INTEGER)).epoch)
      expect(Number.isFinite(reported.at)).toBe(true)
    })

    test('that leave are gone, and those that were just seen are not forgotten', async () => {
      const [stays, leaves] = [node(), node()]
      await nodes().report(stays)
      await nodes().report(leaves)
      await nodes().leave(leaves.boot)
      await nodes().forget()
      expect(await seen(leaves.boot)).toBeUndefined()
      expect(await seen(stays.boot)).toMatchObject(stays)
    })

    test('without a node the list still tells the epoch', async () => {
      for (const { boot } of (await nodes().list()).nodes) await nodes().leave(boot)
      const { epoch } = await current().lookups.poll(0)
      expect(await nodes().list()).toEqual({ epoch, nodes: [] })
    })
  })

  describe('an acknowledged restore', () => {
    const asked = { actor: 'socket:root', reason: 'restored last night', at, atLeast: 0 }

    test('takes an epoch above all that any node has applied, and is recorded under it', async () => {
      const { epoch: before } = await nodes().list()
      const ahead = node({ appliedEpoch: before + 40, refusing: 'epoch_went_back' })
      await nodes().report(ahead)
      const done = await nodes().acknowledgeRestore(asked)
      expect(done).toEqual({ before, epoch: before + 41, highestApplied: before + 40 })
      const poll = await current().lookups.poll(before)
      expect(poll).toMatchObject({ epoch: done.epoch, changes: [] })
      expect(poll.history).toMatchObject({ restoredEpoch: done.epoch })
      expect((await current().keys.history(deploymentId))[0]).toEqual({
        epoch: done.epoch,
        actor: asked.actor,
        subjectKind: 'deployment',
        subjectId: deploymentId,
        what: 'restore-acknowledged',
        reason: asked.reason,
        at,
      })
      await nodes().leave(ahead.boot)
    })

    test('takes one above what a checkpoint tells, and changes go on from there', async () => {
      const { epoch: before } = await nodes().list()
      const done = await nodes().acknowledgeRestore({ ...asked, atLeast: before + 9 })
      expect(done).toEqual({ before, epoch: before + 10, highestApplied: before })
      await current().keys.createServiceUser(serviceUser())
      expect((await nodes().list()).epoch).toBe(before + 11)
    })
  })

  describe('the history that a poll tells of', () => {
    test('has a mark for each epoch, which is another for another change', async () => {
      await current().keys.createServiceUser(serviceUser())
      const first = await current().lookups.poll(0)
      await current().keys.createServiceUser(serviceUser())
      const second = await current().lookups.poll(first.epoch)
      expect(first.history.mark).toEqual(expect.any(String))
      expect(second.history.sinceMark).toBe(first.history.mark)
      expect(second.history.mark).not.toBe(first.history.mark)
      expect(second.history.databaseId).toBe(first.history.databaseId)
      expect((await current().lookups.poll(Number.MAX_SAFE_INTEGER)).history.sinceMark).toBeNull()
    })
  })

  describe('a job', () => {
    const jobs = () => current().jobs

    test('is one holder’s until its time is over or it gives it up', async () => {
      const job = randomUUID()
      expect(await jobs().acquire(job, 'a', 60_000)).toBe(true)
      expect(await jobs().acquire(job, 'b', 60_000)).toBe(false)
      // Another's job is not for b to give up.
      await jobs().release(job, 'b')
      expect(await jobs().acquire(job, 'b', 60_000)).toBe(false)
      expect(await jobs().acquire(randomUUID(), 'b', 60_000)).toBe(true)
      await jobs().release(job, 'a')
      expect(await jobs().acquire(job, 'b', 1)).toBe(true)
      await setTimeout(5)
      expect(await jobs().acquire(job, 'a', 60_000)).toBe(true)
    })

    test('is held longer by whoever has it', async () => {
      const job = randomUUID()
      expect(await jobs().acquire(job, 'a', 1)).toBe(true)
      expect(await jobs().acquire(job, 'a', 60_000)).toBe(true)
      await setTimeout(5)
      expect(await jobs().acquire(job, 'b', 1)).toBe(false)
    })

    test('of many that ask at once, one gets it', async () => {
      const job = randomUUID()
      const got = await Promise.all(
        Array.from({ length: 12 }, (_, index) => jobs().acquire(job, `node-${index}`, 60_000)),
      )
      expect(got.filter(Boolean)).toHaveLength(1)
    })
  })
}
