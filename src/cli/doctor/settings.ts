import type { Config } from '../../config.ts'
import type { Finding } from './finding.ts'
import { checkMatcher } from './matcher.ts'
import { checkBodyLimits, checkNextVersion, readAppSources } from './next.ts'
import { checkClock, checkSigningKey, measureClock } from './processes.ts'
import { checkBrowserRoutes, checkPublicRoutes } from './routes.ts'

/** Where settings, or the Next.js app in `root`, go against docs/which-path.md or are unsafe. */
export async function checkSettings(config: Config, root: string): Promise<Finding[]> {
  const app = readAppSources(root)
  const distance = await measureClock(config)
  const found = [
    checkBrowserRoutes(config.routes),
    checkPublicRoutes(config.routes),
    checkSigningKey(config),
    distance === null ? null : checkClock(distance),
    ...(app === null
      ? []
      : [checkNextVersion(app), checkMatcher(app.proxy), checkBodyLimits(app, config.routes)]),
  ]
  return found.filter((each) => each !== null)
}
