import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { newId } from '../../src/domain/id.ts'
import type { Person } from '../../src/domain/people-store.ts'
import { useNodes } from './nodes.ts'
import { at, change, createUserWithKey } from './records.ts'

const nodes = useNodes()
const by = { actor: 'person:admin', at }

const newPerson = () => ({ id: newId(at), name: 'Ada', passwordHash: 'salt:hash' })
const newAddress = () => `${newId(at)}@example.com`

async function setupLink(): Promise<Buffer> {
  const digest = randomBytes(32)
  await nodes.a.people.addSetupLink({ digest, createdAt: at, expiresAt: at + 1000 })
  return digest
}

/** What came of two at once, the second begun before the first ends. */
async function atOnce<T>(...works: (() => Promise<T>)[]) {
  const letGo = await nodes.holdCounter()
  const settled = works.map((work) => work().then(...outcome<T>()))
  await nodes.waiting(works.length)
  await letGo()
  const all = await Promise.all(settled)
  return {
    done: all.flatMap((each) => ('done' in each ? [each.done] : [])),
    codes: all.flatMap((each) => ('code' in each ? [each.code] : [])),
  }
}

function outcome<T>() {
  return [
    (done: T) => ({ done }),
    (error: unknown) => ({ code: error instanceof Error && 'code' in error ? error.code : error }),
  ] as const
}

async function join(role: Person['role']): Promise<Person> {
  const digest = randomBytes(32)
  const invitation = {
    id: newId(at),
    email: newAddress(),
    role,
    invitedBy: 'x',
    createdAt: at,
    expiresAt: at + 9,
  }
  await nodes.a.people.invite(invitation, digest)
  return nodes.a.people.acceptInvitation({ digest }, newPerson(), at)
}

const administrators = async () =>
  (await nodes.a.people.list({ limit: 99 })).data.filter(({ role }) => role === 'admin')

test('two setup links that are used at once on two nodes make one administrator', async () => {
  const [one, two] = [await setupLink(), await setupLink()]
  const { done, codes } = await atOnce(
    () => nodes.a.people.useSetupLink(one, { ...newPerson(), email: newAddress() }, at),
    () => nodes.b.people.useSetupLink(two, { ...newPerson(), email: newAddress() }, at),
  )
  expect(codes).toEqual(['administrator_exists'])
  expect(await administrators()).toMatchObject([{ id: done[0]?.id }])
})

test('one setup link that is used twice at once makes one administrator', async () => {
  const link = await setupLink()
  const { done, codes } = await atOnce(
    () => nodes.a.people.useSetupLink(link, { ...newPerson(), email: newAddress() }, at),
    () => nodes.b.people.useSetupLink(link, { ...newPerson(), email: newAddress() }, at),
  )
  expect(done).toHaveLength(1)
  expect(codes).toEqual(['administrator_exists'])
  expect(await administrators()).toHaveLength(1)
})

test('an invitation that is accepted twice at once, by link and by address, makes one person', async () => {
  const digest = randomBytes(32)
  const email = newAddress()
  const invitation = {
    id: newId(at),
    email,
    role: 'admin',
    invitedBy: 'x',
    createdAt: at,
    expiresAt: at + 9,
  } as const
  await nodes.a.people.invite(invitation, digest)
  const { done, codes } = await atOnce(
    () => nodes.a.people.acceptInvitation({ digest }, newPerson(), at),
    () => nodes.b.people.acceptInvitation({ email }, newPerson(), at),
  )
  expect(codes).toEqual(['link_invalid'])
  expect(await administrators()).toMatchObject([{ id: done[0]?.id }])
})

test('of two administrators who remove each other, or step back, at once, one stays', async () => {
  const [ada, bo] = [await join('admin'), await join('admin')]
  const first = await atOnce<unknown>(
    () => nodes.a.people.remove(ada.id, by),
    () => nodes.b.people.remove(bo.id, by),
  )
  expect(first.codes).toEqual(['last_administrator'])
  const [left] = await administrators()
  const cy = await join('admin')
  const second = await atOnce<unknown>(
    () => nodes.a.people.setRole(left?.id ?? '', 'owner', by),
    () => nodes.b.people.setRole(cy.id, 'auditor', by),
  )
  expect(second.codes).toEqual(['last_administrator'])
  expect(await administrators()).toHaveLength(1)
})

test('two invitations of one address at once leave the later one open', async () => {
  const email = newAddress()
  const invitation = () => ({
    ...{ id: newId(at), email, role: 'owner' as const, invitedBy: 'x' },
    ...{ createdAt: at, expiresAt: at + 9 },
  })
  const { done } = await atOnce(
    () => nodes.a.people.invite(invitation(), randomBytes(32)),
    () => nodes.b.people.invite(invitation(), randomBytes(32)),
  )
  expect(done).toHaveLength(2)
  expect(await nodes.a.people.listInvitations()).toHaveLength(1)
})

test('a guess at a link waits for nobody, and holds up nobody', async () => {
  const letGo = await nodes.holdCounter()
  const refused = { code: 'link_invalid' }
  const person = newPerson()
  await expect(
    nodes.a.people.useSetupLink(randomBytes(32), { ...person, email: newAddress() }, at),
  ).rejects.toMatchObject(refused)
  await expect(
    nodes.b.people.acceptInvitation({ digest: randomBytes(32) }, person, at),
  ).rejects.toMatchObject(refused)
  await letGo()
})

test('a record that is taken by many at once goes to one', async () => {
  const identifier = newId(at)
  const made = { createdAt: new Date(at), updatedAt: new Date(at) }
  for (let round = 0; round < 10; round++) {
    const record = { id: newId(at), identifier, value: 'once', expiresAt: new Date(at), ...made }
    await nodes.a.logins.create('verification', record)
    const taken = await Promise.all(
      [nodes.a, nodes.b, nodes.a, nodes.b].map((node) =>
        node.logins.take('verification', [{ field: 'identifier', operator: 'eq', value: identifier }]),
      ),
    )
    expect(taken.filter((each) => each !== null)).toHaveLength(1)
  }
})

test('of two service users that are renamed to one name at once, one gets it', async () => {
  const [one, two] = [await createUserWithKey(nodes.a), await createUserWithKey(nodes.a)]
  const rename = (node: typeof nodes.a, id: string) => () =>
    node.keys.changeKeys({ serviceUserId: id }, { at }, () => ({
      plan: {
        updateUser: { name: 'the name' },
        changes: [change(id, 'edited', { subjectKind: 'service-user' })],
      },
      result: undefined,
    }))
  const { codes } = await atOnce(rename(nodes.a, one.user.id), rename(nodes.b, two.user.id))
  expect(codes).toEqual(['name_taken'])
})
