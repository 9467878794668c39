import { createHash, randomBytes } from 'node:crypto'
import { newId } from '../../domain/id.ts'
import { isMailAddress } from '../../domain/mail-address.ts'
import type { Invitation, ListedPerson, PeopleStore, Person, PersonRole } from '../../domain/people-store.ts'
import { StoreConflict, type Clock, type Page } from '../../domain/ports.ts'
import { readableText } from '../../keys/text.ts'
import { KeysRefused } from '../../keys/refused.ts'
import { RequestRefused } from '../problem.ts'

/** A link with its token, which is shown once. `expiresAt` in epoch milliseconds. */
export interface Link {
  url: string
  expiresAt: number
}

/** Whoever comes in by a link. */
export interface Newcomer {
  name: string
  passwordHash: string | null
}

/** Who may sign in, and the links by which they come in. All refusals are {@link RequestRefused}. */
export interface People {
  hasAdministrator(): Promise<boolean>
  find(id: string): Promise<Person | null>
  list(page: { cursor?: string; limit: number }): Promise<Page<ListedPerson>>
  invitations(): Promise<Invitation[]>
  /** The link that makes the first administrator. */
  setupLink(): Promise<Link>
  /** A link for another administrator: of the first one where there is none, otherwise an invitation. */
  administratorLink(email: string | undefined, actor: string): Promise<Link>
  invite(
    who: { email: string; role: PersonRole },
    actor: string,
  ): Promise<{ invitation: Invitation; url: string }>
  withdraw(invitationId: string, actor: string): Promise<void>
  setUp(token: string, who: Newcomer & { email: string }): Promise<Person>
  accept(token: string, who: Newcomer): Promise<Person>
  /** For someone whose address an identity provider has verified: null where there is no invitation for it. */
  welcome(email: string, name: string | null): Promise<Person | null>
  setRole(id: string, role: PersonRole, actor: string): Promise<Person>
  remove(id: string, actor: string): Promise<void>
  signOutEverywhere(id: string, actor: string): Promise<void>
}

const setupLifeMs = 30 * 60_000
const invitationLifeMs = 7 * 86_400_000

/** `pageUrl` is where the page lies, without a slash at its end: links lead there. */
export function createPeople(options: { store: PeopleStore; clock: Clock; pageUrl: () => string }): People {
  const { store, clock, pageUrl } = options

  async function setupLink(): Promise<Link> {
    const { token, digest } = newLinkToken()
    const createdAt = clock.now()
    const expiresAt = createdAt + setupLifeMs
    await store.addSetupLink({ digest, createdAt, expiresAt })
    return { url: `${pageUrl()}/setup#${token}`, expiresAt }
  }

  async function invite({ email, role }: { email: string; role: PersonRole }, actor: string) {
    const { token, digest } = newLinkToken()
    const createdAt = clock.now()
    const invitation: Invitation = {
      id: newId(createdAt),
      email: addressOf(email),
      role,
      invitedBy: actor,
      createdAt,
      expiresAt: createdAt + invitationLifeMs,
    }
    await refusing(store.invite(invitation, digest))
    return { invitation, url: `${pageUrl()}/invitation#${token}` }
  }

  const by = (actor: string) => ({ actor, at: clock.now() })
  const person = ({ name, passwordHash }: Newcomer, at: number) => ({
    id: newId(at),
    name: nameOf(name),
    passwordHash,
  })

  return {
    hasAdministrator: () => store.hasAdministrator(),
    find: (id) => store.find(id),
    list: (page) => store.list(page),
    invitations: () => store.listInvitations(),
    setupLink,
    async administratorLink(email, actor) {
      if (!(await store.hasAdministrator())) return setupLink()
      if (email === undefined)
        throw new RequestRefused(
          400,
          'email_missing',
          'There is an administrator already: say whom the link is for, by their e-mail address.',
          'email',
        )
      const { invitation, url } = await invite({ email, role: 'admin' }, actor)
      return { url, expiresAt: invitation.expiresAt }
    },
    invite,
    withdraw: (id, actor) => refusing(store.withdrawInvitation(id, by(actor))),
    async setUp(token, who) {
      const at = clock.now()
      const email = addressOf(who.email)
      return refusing(store.useSetupLink(digestOf(token), { ...person(who, at), email }, at))
    },
    async accept(token, who) {
      const at = clock.now()
      return refusing(store.acceptInvitation({ digest: digestOf(token) }, person(who, at), at))
    },
    async welcome(email, name) {
      const at = clock.now()
      const address = email.toLowerCase()
      if (!isMailAddress(address)) return null
      if ((await store.findInvitation({ email: address }, at)) === null) return null
      const who = { id: newId(at), name: nameOrNull(name) ?? address, passwordHash: null }
      try {
        return await store.acceptInvitation({ email: address }, who, at)
      } catch (error) {
        // Taken meanwhile: by the same person in another window, or withdrawn.
        if (error instanceof StoreConflict) return null
        throw error
      }
    },
    setRole: (id, role, actor) => refusing(store.setRole(id, role, by(actor))),
    remove: (id, actor) => refusing(store.remove(id, by(actor))),
    signOutEverywhere: async (id, actor) => {
      await refusing(store.signOutEverywhere(id, by(actor)))
    },
  }
}

/** 256 random bits; only their digest is kept. */
function newLinkToken(): { token: string; digest: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, digest: digestOf(token) }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function addressOf(value: string): string {
  const address = value.trim().toLowerCase()
  if (!isMailAddress(address))
    throw new RequestRefused(
      400,
      'email_invalid',
      'email must be one e-mail address, such as ada@example.com.',
      'email',
    )
  return address
}

function nameOf(value: string): string {
  try {
    return readableText(value, { field: 'name', code: 'name_invalid', mostCharacters: 100 })
  } catch (error) {
    if (error instanceof KeysRefused) throw new RequestRefused(400, error.code, `${error.message}.`, 'name')
    throw error
  }
}

/** What an identity provider calls someone is no reason to refuse them. */
function nameOrNull(value: string | null): string | null {
  try {
    return value === null ? null : nameOf(value)
  } catch {
    return null
  }
}

const refusals: Record<Exclude<StoreConflict['code'], 'name_taken'>, [number, string]> = {
  not_found: [404, 'There is nobody, or no open invitation, of this id.'],
  email_taken: [409, 'Someone with this e-mail address is here already.'],
  link_invalid: [410, 'This link was used already, has expired, or was withdrawn. Ask for a new one.'],
  administrator_exists: [409, 'There is an administrator already: ask them for an invitation.'],
  last_administrator: [409, 'This is the last administrator: make someone else one first.'],
}

/** What the store's rules refuse, as the API says it. */
async function refusing<T>(change: Promise<T>): Promise<T> {
  try {
    return await change
  } catch (error) {
    if (!(error instanceof StoreConflict) || error.code === 'name_taken') throw error
    const [status, message] = refusals[error.code]
    throw new RequestRefused(status, error.code, message)
  }
}
