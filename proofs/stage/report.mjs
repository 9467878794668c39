import { cpus, loadavg, totalmem } from 'node:os'

/**
 * What a proof found, line by line. A promise about a count is kept or broken in any form of the proof; one about
 * time only in its full form, since a short one runs beside anything.
 */
export function createReport({ isFull }) {
  const lines = []

  function add(what, value, unit, promise, isBroken) {
    lines.push({ what, value, unit, promise, isBroken })
  }

  return {
    lines,
    broken: () => lines.filter(({ isBroken }) => isBroken === true),
    /** A figure without a promise. */
    note: (what, value, unit = '') => add(what, value, unit, '', null),
    none: (what, value) => add(what, value, '', '0', value !== 0),
    atLeast: (what, value, least) => add(what, value, '', `≥ ${least}`, !(value >= least)),
    atMost: (what, value, most, unit = '') => add(what, value, unit, `≤ ${most}`, !(value <= most)),
    /** Asserted in the full form only. */
    time: (what, value, unit, mostMs) =>
      add(what, value, unit, `≤ ${mostMs}`, isFull ? !(value <= mostMs) : null),
    print() {
      const rows = lines.map(({ what, value, unit, promise, isBroken }) => [
        what,
        `${short(value)}${unit === '' ? '' : ` ${unit}`}`,
        promise,
        isBroken === null ? '' : isBroken ? 'BROKEN' : 'kept',
      ])
      const all = [['', 'found', 'promised', ''], ...rows]
      const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)))
      for (const row of all) {
        const cells = row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
        console.log(cells.join('  ').trimEnd())
      }
    },
  }
}

/** Of numbers in any order; NaN where there are none. */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function machine() {
  const all = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const load = loadavg()[0]?.toFixed(1)
  return `${all[0]?.model.trim() ?? 'unknown CPU'}, ${all.length} cores, ${memory} GiB, ${process.platform} ${process.arch}, Node ${process.version}, load ${load} at the start`
}

function short(value) {
  if (typeof value !== 'number') return value
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2)
}
