import { Command } from 'commander'
import { checkRoute, type RouteCheck } from './routes-check/check.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { line, shown } from './terminal.ts'

/** `postern routes check`. */
export function routesCheckCommand(): Command {
  return new Command('check')
    .description("try each route's backend: is it there, and does it speak MCP where it has to")
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { routes } = await settingsOf(command)
      const checks = await Promise.all(routes.map(checkRoute))
      if (json) await printJson({ data: checks })
      else if (checks.length === 0) await print('The settings name no routes.')
      else await print(checks.map(lineOf).join('\n'))
      if (checks.some(({ ok }) => !ok)) process.exitCode = 1
    })
}

function lineOf({ ok, path, upstream, message, tookMs }: RouteCheck): string {
  const took = tookMs === null ? '' : ` (${tookMs} ms)`
  return line([ok ? 'ok' : 'error', shown(path), shown(upstream ?? '-'), shown(message) + took], [7, 20, 32])
}
