import { expect, test } from 'vitest'
import type { UpkeepJson } from '../../src/admin/schemas-upkeep.ts'
import { checkUpkeep } from '../../src/cli/doctor/upkeep.ts'
import { parseConfig } from '../../src/config.ts'

const now = Date.UTC(2026, 10, 23)
const days = (count: number) => new Date(now + count * 86_400_000).toISOString()
const well: UpkeepJson = {
  partitions: { until: days(90), canChange: true, hasStrays: false },
  checkpoint: { number: 7, at: days(0), keepsFrom: days(-400), key: 'K' },
  checkpointKeys: ['K'],
  sinks: [{ name: 'archive', batchesBehind: 0, oldestAt: null, failingSince: null }],
}
const config = parseConfig({}, {}, '/app')

function levels(over: Partial<UpkeepJson>, of = config): string[] {
  return checkUpkeep({ ...well, ...over }, of, now).map(({ check, level }) => `${check} ${level}`)
}

test.each<[string, Partial<UpkeepJson>, string[]]>([
  ['all is well', {}, ['checkpoint ok', 'partitions ok', 'sink ok']],
  ['it is embedded', { partitions: null }, ['checkpoint ok', 'sink ok']],
  [
    'partitions run out',
    { partitions: { until: days(20), canChange: false, hasStrays: false } },
    ['checkpoint ok', 'partitions warning', 'sink ok'],
  ],
  [
    'none is left',
    { partitions: { until: null, canChange: true, hasStrays: true } },
    ['checkpoint ok', 'partitions error', 'sink ok'],
  ],
  [
    'rows are in the default one',
    { partitions: { until: days(90), canChange: true, hasStrays: true } },
    ['checkpoint ok', 'partitions ok', 'partitions warning', 'sink ok'],
  ],
  ['nothing was signed yet', { checkpoint: null }, ['checkpoint warning', 'partitions ok', 'sink ok']],
  ['another key signed', { checkpointKeys: ['L'] }, ['checkpoint warning', 'partitions ok', 'sink ok']],
  [
    'a sink is late',
    { sinks: [{ name: 'a', batchesBehind: 9, oldestAt: days(-1), failingSince: null }] },
    ['checkpoint ok', 'partitions ok', 'sink warning'],
  ],
  [
    'a sink fails',
    { sinks: [{ name: 'a', batchesBehind: 9, oldestAt: days(-1), failingSince: days(-1) }] },
    ['checkpoint ok', 'partitions ok', 'sink error'],
  ],
])('says how the trail stands where %s', (_, over, expected) => {
  expect(levels(over)).toEqual(expected)
})

test('says that nodes on a database should share the key for checkpoints', () => {
  expect(levels({}, parseConfig({ database: 'postgres://localhost/x' }, {}, '/app'))).toContain(
    'checkpoint warning',
  )
})
