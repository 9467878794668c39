/** A request to an address that stands in the settings: a webhook, a list of public keys. */
export interface OutboundRequest {
  method: 'GET' | 'POST'
  url: string
  headers: Readonly<Record<string, string>>
  body?: string
}

/** Why there was no answer. It names neither the URL nor anything of it. */
export type OutboundFailure =
  | 'url_refused'
  | 'address_refused'
  | 'name_not_found'
  | 'unreachable'
  | 'tls_failed'
  | 'timed_out'
  | 'redirected'
  | 'answer_broken'

/** An answer, of whatever status but a redirect; or why there is none. */
export type OutboundAnswer =
  | {
      status: number
      /** Lower case. Of a header that is there more than once, all values, with a comma between. */
      headers: ReadonlyMap<string, string>
      /** At most as many bytes as the sender takes. */
      body: Buffer
      /** Whether there was more than that, which was dropped. */
      isCut: boolean
    }
  | { failure: OutboundFailure }

/** Sends a request past the guard against addresses that nobody meant (THREATS.md T26). Never rejects. */
export type SendOutbound = (request: OutboundRequest) => Promise<OutboundAnswer>
