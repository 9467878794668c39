import { cpus, totalmem } from 'node:os'

let deadline = Infinity

/** After so many seconds no further round is begun: what there is by then is printed. */
export function limitTime(seconds) {
  deadline = performance.now() + seconds * 1000
}

export function isOutOfTime() {
  return performance.now() > deadline
}

/** Round 0, which warms up and isn't counted, and `count` more; fewer where time runs out, but one at least. */
export function* rounds(count) {
  for (let round = 0; round <= count && (round < 2 || !isOutOfTime()); round++) yield round
}

/** CPU time of this process so far, all its threads, in microseconds: the machine's load doesn't change it. */
export function cpuMicros() {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Runs `work` once and answers CPU microseconds and wall seconds for each of its `count` operations. */
export async function measure(count, work) {
  const cpuBefore = cpuMicros()
  const before = performance.now()
  await work()
  const seconds = (performance.now() - before) / 1000
  return { cpuMicros: (cpuMicros() - cpuBefore) / count, perSecond: count / seconds }
}

/** Runs `callers` loops at once, each taking the next number below `count` until there is none. */
export async function concurrently(callers, count, work) {
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

/** Median, lowest and highest of some numbers. */
export function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, low: sorted[0], high: sorted.at(-1) }
}

/** One line of the report; `goal` is `{ atMost }` or `{ atLeast }`, absent where there is none. */
export function figure(what, unit, numbers, goal) {
  return { what, unit, ...spread(numbers), goal }
}

/** One line of the report for the ratios of two contenders, taken round by round, since rounds are neighbours in time. */
export function ratio(what, over, under, goal) {
  return figure(
    what,
    '×',
    over.map((value, round) => value / under[round]),
    goal,
  )
}

export function isReached({ median, goal }) {
  if (goal === undefined) return null
  return goal.atMost === undefined ? median >= goal.atLeast : median <= goal.atMost
}

export function isRatio({ unit }) {
  return unit === '×'
}

export function printFigures(figures) {
  const all = [heads, ...figures.map(cellsOf)]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  for (const row of all) {
    console.log(
      row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  '),
    )
  }
}

export function markdownTable(figures) {
  const rows = [heads, ['---', '---:', '---:', '---:', '---'], ...figures.map(cellsOf)]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

const heads = ['', 'median', 'lowest – highest', 'goal', '']

function cellsOf(each) {
  return [
    each.what,
    `${short(each.median)} ${each.unit}`,
    `${short(each.low)} – ${short(each.high)}`,
    each.goal === undefined
      ? ''
      : `${each.goal.atMost === undefined ? '≥' : '≤'} ${each.goal.atMost ?? each.goal.atLeast}`,
    { true: 'reached', false: 'MISSED', null: '' }[isReached(each)],
  ]
}

export function machine() {
  const all = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${all[0]?.model.trim() ?? 'unknown CPU'}, ${all.length} cores, ${memory} GiB, ${process.platform} ${process.arch}, Node ${process.version}`
}

/** A run in which not all of the work was done says nothing about its speed. */
export function check(isRight, message) {
  if (!isRight) throw new Error(`this run doesn't count: ${message}`)
}

export function short(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2)
}
