import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signCheckpoint } from '../../src/domain/checkpoint.ts'
import type { NodeReport } from '../../src/domain/node-store.ts'
import { openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

let world: AdminWorld
let api: Api
beforeAll(async () => {
  world = await openAdminWorld()
  api = world.apiFor(socket)
})
beforeEach(async () => {
  for (const { boot } of (await world.store.nodes.list()).nodes) await world.store.nodes.leave(boot)
})
afterAll(() => world.close())

function report(over: Partial<NodeReport> = {}): NodeReport {
  return {
    ...{ id: 'node-a', boot: 'boot-a', host: 'here', version: '1.0.0', appliedEpoch: 0, leaseAgeMs: 20 },
    ...{ clockOffsetMs: -1.5, refusing: null },
    ...over,
  }
}

const epoch = async () => (await world.store.nodes.list()).epoch

test('nodes are listed with how many changes each has not applied', async () => {
  await world.keys.createServiceUser({ name: 'lagging', owner: 'a@example.com' }, 'test')
  await world.store.nodes.report(report({ appliedEpoch: (await epoch()) - 1 }))
  const { body } = await api('GET', '/nodes')
  expect(body).toMatchObject({ epoch: await epoch(), nextCursor: null })
  expect(body.data).toMatchObject([
    {
      id: 'node-a',
      host: 'here',
      version: '1.0.0',
      isLive: true,
      lagEpochs: 1,
      clockOffsetMs: -1.5,
      refusing: null,
    },
  ])
})

describe('a change that is waited for', () => {
  async function key(): Promise<string> {
    const name = `user-${Math.random()}`
    await world.keys.createServiceUser({ name, owner: 'olive@example.com' }, 'test')
    return (await world.keys.issue({ serviceUser: name }, 'test')).key.key.id
  }

  test('says which nodes have applied it', async () => {
    const id = await key()
    await world.store.nodes.report(report({ appliedEpoch: (await epoch()) + 1 }))
    const { status, body } = await api('POST', `/keys/${id}/revoke?wait=true`, { reason: 'leaked' })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id,
      state: 'revoked',
      acknowledgement: {
        epoch: await epoch(),
        nodes: [{ id: 'node-a', host: 'here', standing: 'acknowledged' }],
      },
    })
  })

  test('is a service user’s end, too', async () => {
    await world.keys.createServiceUser({ name: 'ended', owner: 'olive@example.com' }, 'test')
    await world.store.nodes.report(report({ appliedEpoch: (await epoch()) + 1 }))
    const { body } = await api('POST', '/service-users/ended/disable?wait=true', { reason: 'leaked' })
    expect(body).toMatchObject({ name: 'ended', acknowledgement: { nodes: [{ standing: 'acknowledged' }] } })
  })

  test('tells owners nothing of the machines', async () => {
    const id = await key()
    await world.store.nodes.report(report({ appliedEpoch: (await epoch()) + 1 }))
    const owner = world.apiFor({
      ...{ actor: 'person:o', via: 'host', role: 'owner', email: 'olive@example.com', signedInAt: null },
    })
    const headers = { 'sec-fetch-site': 'same-origin' }
    const { text } = await owner('POST', `/keys/${id}/revoke?wait=true`, { reason: 'leaked' }, headers)
    expect(text).toContain('"acknowledged"')
    expect(text).not.toContain('here')
  })

  test.each(['?wait=perhaps', '?when=now'])('with %s is refused, and not made', async (search) => {
    const id = await key()
    expect((await api('POST', `/keys/${id}/revoke${search}`, { reason: 'leaked' })).status).toBe(400)
    expect((await world.keys.show(id)).key.state).toBe('active')
  })
})

describe('an acknowledged restore', () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const signed = (known: number) =>
    signCheckpoint(
      {
        ...{ number: 3, at: Date.parse('2026-11-23T11:00:00Z'), previous: null, epoch: known, keepsFrom: 0 },
        ...{ full: true, heads: [{ writer: 'node-a', number: 4, seal: 'f'.repeat(64) }] },
      },
      privateKey,
    )

  test('needs a reason, and is recorded with it', async () => {
    for (const reason of ['', '  ', undefined])
      expect((await api('POST', '/restore-acknowledgements', { reason })).status).toBe(400)
    const before = await epoch()
    const { status, body } = await api('POST', '/restore-acknowledgements', { reason: 'disk died' })
    expect(status).toBe(201)
    expect(body).toEqual({
      before,
      epoch: before + 1,
      highestApplied: before,
      lostChanges: 0,
      checkpoint: null,
    })
    const { body: history } = await api('GET', '/changes?subject=00000000-0000-0000-0000-000000000000')
    expect(history.data[0]).toMatchObject({
      what: 'restore-acknowledged',
      reason: 'disk died',
      actor: socket.actor,
    })
  })

  test('says how many changes nodes knew that the database lost', async () => {
    const before = await epoch()
    await world.store.nodes.report(report({ appliedEpoch: before + 6, refusing: 'epoch_went_back' }))
    const { body } = await api('POST', '/restore-acknowledgements', { reason: 'x' })
    expect(body).toMatchObject({ before, epoch: before + 7, lostChanges: 6 })
  })

  test('says what a checkpoint knew', async () => {
    const before = await epoch()
    const checkpoint = signed(before + 20)
    const { body } = await api('POST', '/restore-acknowledgements', { reason: 'x', checkpoint })
    expect(world.failures).toEqual([])
    expect(body).toMatchObject({
      ...{ before, epoch: before + 21, lostChanges: 20 },
      checkpoint: {
        ...{ number: 3, epoch: before + 20, key: checkpoint.key },
        batches: [{ writer: 'node-a', number: 4, found: 'missing' }],
      },
    })
  })

  test('believes no checkpoint that its key has not signed', async () => {
    const before = await epoch()
    const checkpoint = signed(before + 20)
    for (const forged of [
      { ...checkpoint, text: signed(before + 2000).text },
      { ...checkpoint, signature: signed(0).signature },
      { text: 'x', signature: 'y', key: 'z' },
    ])
      expect(
        (await api('POST', '/restore-acknowledgements', { reason: 'x', checkpoint: forged })).body,
      ).toMatchObject({ code: 'field_invalid', field: 'checkpoint' })
    expect(await epoch()).toBe(before)
  })
})
