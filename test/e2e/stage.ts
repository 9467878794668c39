import { afterAll, beforeAll, beforeEach } from 'vitest'
import { openGateway } from './gateway.ts'
import type { TestGateway, TestGatewayOptions, TestKey } from './gateway.ts'
import { startUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'

/** What most files here play on: a gateway, the backend behind it, and a key that opens it. */
export interface Stage {
  upstream: Upstream
  gateway: TestGateway
  key: TestKey
}

/** Sets the stage for the tests of a file. Each of them begins with an empty backend and trail. */
export function onStage(
  optionsFor: (upstreamOrigin: string) => TestGatewayOptions,
  ready: (stage: Stage) => void,
): void {
  let stage: Stage
  beforeAll(async () => {
    const upstream = await startUpstream()
    const gateway = await openGateway(optionsFor(upstream.origin))
    stage = { upstream, gateway, key: await gateway.issueKey() }
    ready(stage)
  })
  afterAll(async () => {
    await stage.gateway.close()
    await stage.upstream.close()
  })
  beforeEach(async () => {
    await stage.gateway.mark()
    stage.upstream.reset()
  })
}
