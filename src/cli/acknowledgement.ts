import type { AcknowledgementJson } from '../admin/schemas-nodes.ts'
import { shown } from './terminal.ts'

/** What came of waiting, for people. */
export function acknowledgementLines({ nodes, tookMs }: AcknowledgementJson): string {
  const took = `${Math.round(tookMs)} ms`
  if (nodes.length === 0) return `Known everywhere after ${took}: no node serves at present.`
  const lines = nodes.map(
    ({ id, host, standing }) => `  ${shown(host ?? 'a node')} (${shown(id.slice(0, 8))}): ${words[standing]}`,
  )
  return [`Known everywhere after ${took}:`, ...lines].join('\n')
}

const words: Readonly<Record<AcknowledgementJson['nodes'][number]['standing'], string>> = {
  acknowledged: 'has applied it',
  refusing: 'refuses every key until a restore is acknowledged',
  'lease-ended': 'has not said so; what it knew before counts no more',
}
