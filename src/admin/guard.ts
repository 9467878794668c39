import type { Context, Hono } from 'hono'
import type { Clock } from '../domain/ports.ts'
import { refusalOfAccess, type Access, type Need } from './access.ts'
import { refusalOfOrigin } from './origin.ts'
import { RequestRefused } from './problem.ts'
import { roomsFor, type Rooms } from './rooms.ts'

/** Says who makes a request; null where nobody that we know. */
export type AccessOf = (request: Request) => Promise<Access | null>

/** What stands in front of every route. */
export interface Gate {
  accessOf: AccessOf
  /** How old a sign-in may be where a secret is made, in milliseconds. */
  signInMaxAgeMs: number
  clock: Pick<Clock, 'now'>
  /** All there is: what a route gets of it depends on who asks. */
  rooms: Rooms
}

/** What a route finds in its context. But for the gate it is there only once {@link admit} has let the request in. */
export interface AdminEnv {
  Variables: { gate: Gate; access: Access; rooms: Rooms }
}

/** The API that routes are mounted on. */
export type AdminApi = Hono<AdminEnv>

/** Lets a request in, or throws {@link RequestRefused}. */
export async function admit(c: Context<AdminEnv>, need: Need): Promise<void> {
  const gate = c.get('gate')
  const access = await gate.accessOf(c.req.raw)
  const refusal = access === null ? nobody() : refusalFor(gate, access, need, c.req.raw)
  if (access === null || refusal !== null) throw refusal ?? nobody()
  c.set('access', access)
  c.set('rooms', roomsFor(access, gate.rooms))
}

/** Whether who was let in would be still: for answers that go on for long. */
export async function isStillAdmitted(
  gate: Gate,
  request: Request,
  before: Access,
  need: Need,
): Promise<boolean> {
  const access = await gate.accessOf(request)
  return (
    access !== null &&
    access.actor === before.actor &&
    access.role === before.role &&
    access.email === before.email &&
    refusalFor(gate, access, need, request) === null
  )
}

function refusalFor(gate: Gate, access: Access, need: Need, request: Request): RequestRefused | null {
  // Browsers send what people sign in with by themselves, whoever asks them to.
  if (access.via === 'person' || access.via === 'host') {
    const refusal = refusalOfOrigin(request)
    if (refusal !== null) return refusal
  }
  const refusal = refusalOfAccess(access, need, gate.signInMaxAgeMs, gate.clock.now())
  if (refusal === 'role_refused')
    return new RequestRefused(403, refusal, `The role ${access.role} may not do this.`)
  if (refusal === 'sign_in_too_old')
    return new RequestRefused(403, refusal, 'Sign in again: this needs a recent sign-in.')
  return refusal
}

function nobody(): RequestRefused {
  return new RequestRefused(401, 'sign_in_required', 'Sign in, or send a management key as a bearer token.')
}
