import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { createRouteIdentities } from '../../src/gateway/route-identities.ts'

const accepts = ['service-key' as const]
const { routes, headers } = parseConfig(
  {
    routes: [
      { path: '/a', accepts, upstream: 'http://a.example', serviceUserHeader: 'X-A-User' },
      { path: '/b', accepts, upstream: 'http://b.example' },
    ],
  },
  {},
  '/',
)
const identityOf = createRouteIdentities({ routes, headers })
const facts = {
  host: 'a.example',
  principal: { kind: 'service' as const, id: 'su-1', customer: null },
  assertion: null,
  clientAddress: '127.0.0.1',
  requestId: 'r',
  forwardedHost: 'h',
  forwardedProto: 'http' as const,
}
const forged = [
  'X-A-User',
  'forged',
  'x_a_user',
  'forged',
  'X-Postern-Service-User',
  'forged',
  'X-Other',
  'kept',
]

it('a route with a header name of its own tells the service user by that, and forged ones reach nobody', () => {
  const [a = null, b = null] = routes
  const told = (route: typeof a) =>
    identityOf(route)
      .upstreamHeaders(forged, facts)
      .filter((_, at, all) => /user|other/i.test(all[at % 2 === 0 ? at : at - 1] ?? ''))
  expect(told(a)).toEqual(['X-Other', 'kept', 'x-a-user', 'su-1'])
  expect(told(b)).toEqual(['X-Other', 'kept', 'x-postern-service-user', 'su-1'])
})

it('a proxy that copies names is given all of them, those of other routes empty (T31)', () => {
  const given = identityOf(routes[0] ?? null).answerHeaders(facts.principal)
  expect(given[given.indexOf('x-a-user') + 1]).toBe('su-1')
  expect(given[given.indexOf('x-postern-service-user') + 1]).toBe('')
})

it('a public route has no use for a name', () => {
  const route = { path: '/c', public: true, upstream: 'http://c.example', serviceUserHeader: 'x-c' }
  expect(() => parseConfig({ routes: [route] }, {}, '/')).toThrow('routes[0].serviceUserHeader')
})
