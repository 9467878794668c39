import { Command } from 'commander'
import type { NodesJson, TrailGapsJson } from '../admin/schemas-nodes.ts'
import type { NoticeJson } from '../admin/schemas-notices.ts'
import type { PageJson } from '../admin/schemas-common.ts'
import type { UpkeepJson } from '../admin/schemas-upkeep.ts'
import type { Config } from '../config.ts'
import { connect, type Admin } from './connect.ts'
import type { Finding } from './doctor/finding.ts'
import { checkLimits } from './doctor/limits.ts'
import { checkGaps, checkNodes } from './doctor/nodes.ts'
import { checkSettings } from './doctor/settings.ts'
import { checkSpool } from './doctor/spool.ts'
import { checkUpkeep } from './doctor/upkeep.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'
import { line, shown } from './terminal.ts'

interface Place {
  config: Config
  /** Null where it can't be reached: then only settings can be checked. */
  admin: Admin | null
}

/** One check; null where it can't be made. */
type Check = (place: Place) => Promise<Finding | null> | Finding | null

const checks: readonly Check[] = [
  ({ config }) => checkSpool(config),
  async ({ admin }) => (admin === null ? null : checkGaps(await admin.get<TrailGapsJson>('/trail-gaps'))),
  checkChannels,
  checkDeliveries,
]

/** `postern doctor`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check whether all is set up well; what is not is named, with what to do')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const findings = await examine(await settingsOf(command))
      if (json) await printJson({ data: findings })
      else
        await print(
          findings.map((found) => line([found.level, found.check, shown(found.message)], [7, 10])).join('\n'),
        )
      if (findings.some(({ level }) => level === 'error')) process.exitCode = 1
    })
}

async function examine(config: Config): Promise<Finding[]> {
  const { admin, finding } = await reach(config)
  try {
    const found = await Promise.all(checks.map(async (check) => await check({ config, admin })))
    const nodes = admin === null ? null : await admin.get<NodesJson>('/nodes')
    const ofNodes = nodes === null ? [] : checkNodes(nodes)
    const ofLimits = await checkLimits(config, nodes)
    const ofTrail =
      admin === null ? [] : checkUpkeep(await admin.get<UpkeepJson>('/audit/upkeep'), config, Date.now())
    const ofSettings = await checkSettings(config, process.cwd())
    return [
      finding,
      ...found.filter((each) => each !== null),
      ...ofNodes,
      ...ofTrail,
      ...ofLimits,
      ...ofSettings,
    ]
  } finally {
    await admin?.close()
  }
}

const how: Readonly<Record<Admin['via'], string>> = {
  remote: 'through the server that POSTERN_URL names',
  server: 'through the running server',
  postgres: 'directly: no server runs here',
  embedded: 'directly: no server runs here',
}

/** The first check, which the others stand on: whether the database answers, through whoever holds it. */
async function reach(config: Config): Promise<{ admin: Admin | null; finding: Finding }> {
  const check = 'database'
  let admin: Admin | null = null
  try {
    admin = await connect(config)
    await admin.get('/service-users', { limit: '1' })
    return { admin, finding: { check, level: 'ok', message: `answers, ${how[admin.via]}` } }
  } catch (error) {
    await admin?.close().catch(() => {})
    const message = error instanceof Error ? error.message : String(error)
    return { admin: null, finding: { check, level: 'error', message } }
  }
}

function checkChannels({ config }: Place): Finding {
  const check = 'notices'
  const { email, webhooks, slack } = config.notices
  const channels = [
    email === null ? [] : ['e-mail'],
    webhooks.map(({ name }) => `webhook ${name}`),
    slack === null ? [] : ['Slack'],
  ]
  const named = channels.flat()
  if (named.length > 0)
    return { check, level: 'ok', message: `go to ${named.join(', ')}; try: postern notices test` }
  const message =
    'go nowhere: nobody hears of a key that expires; set notices.email, notices.webhooks or notices.slack'
  return { check, level: 'warning', message }
}

async function checkDeliveries({ admin }: Place): Promise<Finding | null> {
  if (admin === null) return null
  const check = 'deliveries'
  const { data } = await admin.get<PageJson<NoticeJson>>('/notices', {
    limit: '200',
    unacknowledged: 'true',
  })
  const dead = data.flatMap(({ deliveries }) => deliveries).filter(({ state }) => state === 'dead')
  if (dead.length === 0) return { check, level: 'ok', message: 'none was given up on' }
  const causes = [
    ...new Set(dead.map(({ channel, lastFailure }) => `${channel}: ${lastFailure ?? 'cut off'}`)),
  ]
  const message = `${dead.length} ${dead.length === 1 ? 'was' : 'were'} given up on (${causes.slice(0, 3).join('; ')}); mend it, try it (postern notices test), and acknowledge them (postern notices ack)`
  return { check, level: 'warning', message }
}
