import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAdminApi } from '../../src/admin/api.ts'
import { peopleRoutes } from '../../src/admin/sign-in/routes-people.ts'
import { asking, openAdminWorld, socket, type AdminWorld, type Api } from './admin-world.ts'

interface Operation {
  parameters?: { name: string; in: string }[]
}

let world: AdminWorld
let api: Api
let routes: { method: string; path: string; takes: readonly string[] }[] = []
beforeAll(async () => {
  world = await openAdminWorld()
  api = asking(
    createAdminApi({
      ...world.parts,
      accessOf: async () => socket,
      extend: (routesOf) => peopleRoutes(routesOf, () => null),
    }),
  )
  const { text } = await api('GET', 'http://postern/admin/api-keys/api/openapi.json')
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> }
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { parameters = [] }]) => ({
      method: method.toUpperCase(),
      path: `http://postern${path.replace('{id}', 'none')}`,
      takes: parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name),
    })),
  )
})
afterAll(() => world.close())

test.each([
  ['if-match', '"1"', 'precondition_not_taken', 'If-Match', 2],
  ['idempotency-key', 'once', 'idempotency_key_not_taken', 'Idempotency-Key', 2],
])('%s is refused wherever the document does not have it', async (name, value, code, field, taking) => {
  expect(routes.filter(({ takes }) => takes.includes(name))).toHaveLength(taking)
  for (const { method, path, takes } of routes) {
    const answer = await api(method, path, method === 'GET' ? undefined : {}, { [name]: value })
    if (takes.includes(name)) expect(answer.body['code'], `${method} ${path}`).not.toBe(code)
    else expect(answer, `${method} ${path}`).toMatchObject({ status: 400, body: { code, field } })
  }
})

test('nothing is done where a header is not taken', async () => {
  const user = { name: 'bot', owner: 'team@example.com' }
  expect(await api('POST', '/service-users', user, { 'idempotency-key': 'once' })).toMatchObject({
    status: 400,
  })
  expect((await api('GET', '/service-users')).body.data).toEqual([])
})
