import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type PostgresServer } from '../store/postgres-server.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { openInvited, openVisitor, password, tokenOf, type Visitor } from './visitor.ts'

let postgres: PostgresServer
let nodes: TestGateway[] = []
const secret = 'one secret for all the nodes of this test'

beforeAll(async () => {
  postgres = await startPostgres()
  const database = await postgres.createDatabase()
  const open = (agent: string) =>
    openGateway({
      agent,
      routes: [{ path: '/x', public: true, upstream: 'http://127.0.0.1:1' }],
      // As behind one load balancer.
      settings: { admin: { listen: '127.0.0.1:0', secret, url: 'http://keys.example.com' } },
      database,
    })
  nodes = [await open('one'), await open('two')]
})
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()))
  await postgres.stop()
})

/** The same browser, at the other node. */
async function moved(visitor: Visitor, node: TestGateway): Promise<Visitor> {
  const there = await openVisitor(node)
  for (const [name, value] of visitor.cookies) there.cookies.set(name, value)
  return there
}

function node(at: number): TestGateway {
  const found = nodes[at]
  if (found === undefined) throw new Error('no such node')
  return found
}

test('of the setup links of several nodes, used at once at several nodes, one makes an administrator', async () => {
  const urls = await Promise.all(nodes.map((each) => each.setupUrl()))
  expect(urls[0]).toMatch(/^http:\/\/keys\.example\.com\/admin\/api-keys\/setup#/)
  const answers = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      const visitor = await openVisitor(node(at % 2))
      return visitor.send('POST', '/api/setup', {
        json: {
          token: tokenOf(urls[at % 2] ?? ''),
          email: at === 0 ? 'ada@example.com' : `ada-${at}@example.com`,
          name: 'Ada',
          password,
        },
        headers: { origin: 'http://keys.example.com' },
      })
    }),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(await Promise.all(nodes.map((each) => each.setupUrl()))).toEqual([null, null])
})

test('who is signed in at one node is so at the other, and is out of both at once when removed', async () => {
  // Whoever won above: an invitation over the socket makes one whose name is known.
  const made = await node(0).postern.admin(
    new Request('http://localhost/admin/api-keys/api/v1/setup-links', {
      method: 'POST',
      body: JSON.stringify({ email: 'grace@example.com' }),
      headers: { 'content-type': 'application/json' },
    }),
  )
  const { url } = (await made.json()) as { url: string }
  const grace = await openVisitor(node(0))
  await grace.send('POST', '/api/invitations/accept', {
    json: { token: tokenOf(url), name: 'Grace', password },
    headers: { origin: 'http://keys.example.com' },
  })
  const graceThere = await moved(grace, node(1))
  expect((await graceThere.send('GET', '/api/v1/me')).json).toMatchObject({ email: 'grace@example.com' })

  const alan = await openInvited(node(1), graceThere, 'alan@example.com', 'auditor')
  const alanThere = await moved(alan, node(0))
  expect((await alanThere.send('GET', '/api/v1/me')).status).toBe(200)
  const { json } = await grace.send('GET', '/api/v1/people')
  const id = (json['data'] as { id: string; email: string }[]).find(
    ({ email }) => email === 'alan@example.com',
  )?.id
  expect((await grace.send('DELETE', `/api/v1/people/${id}`)).status).toBe(204)
  for (const visitor of [alan, alanThere]) expect((await visitor.send('GET', '/api/v1/me')).status).toBe(401)
})

test('two administrators who remove each other at once leave one', async () => {
  const node0 = node(0)
  const grace = await openVisitor(node0)
  await grace.send('POST', '/api/auth/sign-in/email', {
    json: { email: 'grace@example.com', password },
    headers: { origin: 'http://keys.example.com' },
  })
  const { json } = await grace.send('GET', '/api/v1/people')
  const everyone = json['data'] as { id: string; email: string; role: string }[]
  const admins = everyone.filter(({ role }) => role === 'admin')
  expect(admins.length).toBe(2)
  const answers = await Promise.all(
    admins.map(({ id }, at) =>
      node(at).postern.admin(
        new Request(`http://localhost/admin/api-keys/api/v1/people/${id}`, { method: 'DELETE' }),
      ),
    ),
  )
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409])
  const left = await node0.postern.admin(new Request('http://localhost/admin/api-keys/api/v1/people'))
  const { data } = (await left.json()) as { data: { role: string }[] }
  expect(data.filter(({ role }) => role === 'admin')).toHaveLength(1)
  // Nobody is asked to make the first again.
  expect(await node0.setupUrl()).toBeNull()
})
