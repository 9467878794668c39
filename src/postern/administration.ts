import { userInfo } from 'node:os'
import { networkAccess, socketAccess } from '../admin/access-of.ts'
import { adminBasePath, createAdminApi, type AdminApiParts } from '../admin/api.ts'
import type { AccessOf } from '../admin/guard.ts'
import { createPeople } from '../admin/sign-in/people.ts'
import { peopleRoutes } from '../admin/sign-in/routes-people.ts'
import type { Config } from '../config.ts'
import type { Clock, Store } from '../domain/ports.ts'
import type { Keys } from '../keys/keys.ts'
import { createManagementKeys } from '../keys/management-keys.ts'
import type { Logger } from '../log.ts'
import type { Notices } from '../notices/notices.ts'
import { deploymentOf } from './deployment.ts'
import { openPage, pageOrigin, type StandalonePage } from './page.ts'

/** The admin API and the page, for whoever comes by whichever way. */
export interface Administration {
  /** The admin API, in process, for whoever may use this data directory. Throws where the schema is not this version's. */
  admin(request: Request): Promise<Response>
  /**
   * The admin API for the network: for management keys, and for whomever `people` finds, whom the app around signs in.
   * Throws as {@link admin}.
   */
  adminFor(people: AccessOf): (request: Request) => Promise<Response>
  /** The page and its API, for people who sign in to Postern itself; `origin` is where they open it. */
  page(origin: string): Promise<StandalonePage>
  /** Says where the gateway listens: an origin. */
  listensAt(origin: string): void
}

/** Wires it. Nothing is opened before it is used. */
export function createAdministration({
  config,
  store,
  keys,
  notices,
  upkeep,
  nodes,
  clock,
  log,
  onFailure,
}: {
  config: Config
  store: Store
  keys: Keys
  notices: Notices
  upkeep: AdminApiParts['upkeep']
  nodes: AdminApiParts['nodes']
  clock: Clock
  log: Logger
  onFailure: (error: unknown) => void
}): Administration {
  let gatewayOrigin: string | null = null
  let ownOrigin = pageOrigin(config.admin)
  let isHosted = false
  let schemaChecked: Promise<void> | null = null

  const managementKeys = createManagementKeys({
    store: store.managementKeys,
    clock,
    policy: config.policy,
    onNoteFailed: (error) => log.warn({ err: error }, 'the use of a management key was not noted'),
  })
  const people = createPeople({ store: store.people, clock, pageUrl: () => ownOrigin + adminBasePath })
  const parts: Omit<AdminApiParts, 'accessOf'> = {
    signInMaxAgeMs: config.admin.signInMaxAgeMs,
    clock,
    rooms: {
      keys,
      trail: store.trail,
      usage: store.usage,
      notices,
      changesOf: (subjectId) => store.keys.history(subjectId),
    },
    managementKeys,
    worker: notices,
    upkeep,
    nodes,
    knownTools: (limit) => store.usage.knownTools(limit),
    deployment: deploymentOf(config, () => gatewayOrigin),
    extend: (api) => peopleRoutes(api, () => (isHosted ? null : people)),
    onFailure,
  }
  const socketApi = createAdminApi({
    ...parts,
    // The socket is open to the user that this process runs as, and to nobody else.
    accessOf: async () => socketAccess(userInfo().username),
  })

  function checkSchema(): Promise<void> {
    schemaChecked ??= store.checkSchema().catch((error: unknown) => {
      schemaChecked = null
      throw error
    })
    return schemaChecked
  }

  function networkApi(accessOf: AccessOf): (request: Request) => Promise<Response> {
    const api = createAdminApi({ ...parts, accessOf: networkAccess(managementKeys, accessOf) })
    return async (request) => {
      await checkSchema()
      return api(request)
    }
  }

  return {
    async admin(request) {
      await checkSchema()
      return socketApi(request)
    },
    adminFor(hostAccess) {
      isHosted = true
      return networkApi(hostAccess)
    },
    page(origin) {
      ownOrigin = origin
      return openPage({ config, origin, people, records: store.logins, clock, log, apiFor: networkApi })
    },
    listensAt(origin) {
      gatewayOrigin = origin
    },
  }
}
