import type { NodeJson, NodesJson, TrailGapsJson } from '../../admin/schemas-nodes.ts'
import { clockToleranceSeconds } from '../../verify/claims.ts'
import { clockFarMs } from '../../verify/heartbeat.ts'
import { leaseMs } from '../../verify/lease.ts'
import { shown } from '../terminal.ts'
import type { Finding } from './finding.ts'

/** Each node on the database: what it runs, how far it lags behind, how far off its clock is, whether it refuses. */
export function checkNodes({ data }: NodesJson): Finding[] {
  if (data.length === 0) return [{ check: 'nodes', level: 'ok', message: 'none serves at present' }]
  const versions = new Set(data.filter(({ isLive }) => isLive).map(({ version }) => version))
  const findings = data.map(checkNode)
  if (versions.size > 1)
    findings.push({
      check: 'nodes',
      level: 'warning',
      message: `run different versions (${[...versions].map(shown).join(', ')}): bring them to one`,
    })
  return findings
}

function checkNode(node: NodeJson): Finding {
  const check = 'node'
  const name = `${shown(node.host)} (${shown(node.id.slice(0, 8))}, ${shown(node.version)})`
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  if (!node.isLive) {
    const message = `${name} was not seen for ${seconds(node.seenMsAgo)}: it died, or can't reach the database`
    return { check, level: 'warning', message }
  }
  if (node.refusing !== null) {
    const message = `${name} refuses every key (${node.refusing}): it has applied change ${node.appliedEpoch}, which this database does not have as it knows it; see to it that the database is the right one, then run postern restore-ack`
    return { check, level: 'error', message }
  }
  const { leaseAgeMs, clockOffsetMs } = node
  const lag = `${node.lagEpochs} change(s) behind, its last poll ${leaseAgeMs === null ? 'never' : `${Math.round(leaseAgeMs)} ms`} old`
  const clock = clockOffsetMs === null ? 'clock unknown' : `clock ${seconds(Math.abs(clockOffsetMs))} off`
  if (clockOffsetMs !== null && Math.abs(clockOffsetMs) > clockToleranceSeconds * 1000) {
    const level = Math.abs(clockOffsetMs) > clockFarMs ? 'error' : 'warning'
    const message = `${name}: its ${clock}: keys and tokens end at the wrong time there; let it follow a time server`
    return { check, level, message }
  }
  const level = leaseAgeMs === null || leaseAgeMs > leaseMs ? 'warning' : 'ok'
  return { check, level, message: `${name}: ${lag}, ${clock}` }
}

/** Rows that the trail should have and has not, in the last day. */
export function checkGaps({ data }: TrailGapsJson): Finding {
  const check = 'gaps'
  if (data.length === 0)
    return { check, level: 'ok', message: 'no number is missing among the rows of the last day' }
  const rows = data.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  const writers = [...new Set(data.map(({ writer }) => shown(writer.slice(0, 8))))].join(', ')
  const message = `${rows} row(s) of the last day are missing (of ${writers}): in the spool of a node that has not started again, set aside there, or removed from the trail; see postern audit verify`
  return { check, level: 'warning', message }
}
