import type { Deployment } from '../admin/routes-settings.ts'
import type { Config } from '../config.ts'

/**
 * What the page is told of this deployment. `gatewayOrigin`: where the gateway listens, once it does. Never a secret:
 * of the channels their names and the sender's address, nothing else.
 */
export function deploymentOf(config: Config, gatewayOrigin: () => string | null): Deployment {
  const { policy, notices } = config
  return {
    name: 'Postern',
    settings: {
      policy: {
        defaultLifeMs: policy.defaultLifeMs,
        maxLifeMs: policy.maxLifeMs,
        overlapMs: policy.overlapMs,
        maxOverlapMs: policy.maxOverlapMs,
        maxFamilyLifeMs: policy.maxFamilyLifeMs,
        denyToolsByDefault: policy.denyToolsByDefault,
        keysPerServiceUser: policy.keysPerServiceUser,
        requireOwner: policy.requireOwner,
      },
      prefixes: [...config.prefixes],
      routes: config.routes.map((route) => ({
        path: route.path,
        isMcp: route.mcp,
        isPublic: route.public,
        accepts: [...route.accepts],
      })),
      channels: {
        email: notices.email === null ? null : { from: notices.email.from },
        webhooks: notices.webhooks.map(({ name }) => ({ name })),
        slack: notices.slack !== null,
        pageUrl: notices.pageUrl,
      },
    },
    mcpUrls(hostOrigin) {
      const origin = config.url ?? hostOrigin ?? gatewayOrigin() ?? listenOrigin(config)
      return config.routes
        .filter((route) => route.mcp && route.accepts.includes('service-key'))
        .map(({ path, match }) => {
          const place = match.kind === 'exact' ? match.value : match.value.replace(/\/$/, '')
          return { path, url: origin + place }
        })
    },
  }
}

function listenOrigin({ listen: { host, port } }: Config): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
