import type { HostPerson } from 'postern/next'
import { postern } from '../../../../postern'

const people: Record<string, HostPerson> = {
  'session=ada': { id: 'ada', email: 'ada@example.com', role: 'admin' },
  'session=grace': { id: 'grace', email: 'grace@example.com', role: 'owner' },
  'session=old': { id: 'old', email: 'old@example.com', role: 'admin', signedInAt: 1 },
}

export const { GET, POST, PATCH, DELETE } = postern.adminPage({
  authorize: (request) => people[request.headers.get('cookie') ?? ''] ?? null,
})
