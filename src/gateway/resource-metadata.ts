import type { ServerResponse } from 'node:http'
import type { Route } from '../config.ts'
import {
  createResourceMetadata as createMetadata,
  metadataHeaders,
  type ResourceRequest,
} from '../front/resource-metadata.ts'
import type { RouteTable } from '../front/routes.ts'
import type { Front } from './front.ts'

/** RFC 9728 on the gateway's own address. */
export interface ResourceMetadata {
  /** Answers a request for the metadata of a route that accepts JWTs; false for every other request. */
  answer(front: Front, response: ServerResponse): boolean
  /** The metadata's URL for a request, for its challenge; null where its route accepts no JWTs. */
  urlFor(front: Front, route: Route): string | null
}

/** `issuers`: their names. */
export function createResourceMetadata(
  routes: RouteTable<Route>,
  issuers: readonly string[],
): ResourceMetadata {
  const metadata = createMetadata(routes, issuers)
  return {
    answer(front, response) {
      const { httpMethod, requestId } = front.arrival
      if (httpMethod !== 'GET' && httpMethod !== 'HEAD') return false
      const body = metadata.at(requestOf(front))
      if (body === null) return false
      response.writeHead(200, {
        ...metadataHeaders,
        'content-length': Buffer.byteLength(body),
        'x-request-id': requestId,
      })
      response.end(httpMethod === 'HEAD' ? undefined : body)
      return true
    },
    urlFor: (front, route) => metadata.urlFor(requestOf(front), route),
  }
}

function requestOf({ path, proto, head }: Front): ResourceRequest {
  return { path, proto, host: head.host }
}
