import { carriedOver, saturated, type Dataset } from './data.ts'

/** What the model says of one channel. */
export interface ChannelFit {
  name: string
  /** The share of a week's effect that goes on into the next: adstock. */
  decay: number
  /** The carried-over spend at which half of the ceiling is reached, in euros. */
  halfSaturation: number
  /** What it could bring in at most, in euros a week. */
  ceiling: number
  /** Carried-over spend after the last week. */
  carried: number
}

export interface Fit {
  channels: ChannelFit[]
  /** Revenue without any channel: level, growth a week, and the season's two parts. */
  baseline: { level: number; growth: number; sine: number; cosine: number }
  /** The share of the revenue's variance that is explained. */
  rSquared: number
}

const decays = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
const halfPoints = [0.25, 0.5, 0.75, 1, 1.5, 2, 3]
const rounds = 4

/**
 * Fits adstock and saturation of each channel by turns, over a grid, with the best linear weights for each choice;
 * no channel may have a negative effect.
 */
export function fit({ channels, revenue }: Dataset): Fit {
  const base = revenue.map((_, week) => baseRow(week))
  const shapes = channels.map(({ spend }) => ({ decay: 0.3, halfSaturation: mean(spend) || 1 }))
  const columnOf = (at: number, shape: { decay: number; halfSaturation: number }) =>
    carriedOver(channels[at]?.spend ?? [], shape.decay).map((spend) => saturated(spend, shape.halfSaturation))
  const columns = shapes.map((shape, at) => columnOf(at, shape))

  for (let round = 0; round < rounds; round++) {
    for (const at of channels.keys()) {
      let best = { error: Infinity, shape: shapes[at]!, column: columns[at]! }
      for (const decay of decays) {
        const typical = mean(carriedOver(channels[at]!.spend, decay))
        for (const halfPoint of halfPoints) {
          const shape = { decay, halfSaturation: halfPoint * typical || 1 }
          const column = columnOf(at, shape)
          const { error } = weigh(base, columns.with(at, column), revenue)
          if (error < best.error) best = { error, shape, column }
        }
      }
      shapes[at] = best.shape
      columns[at] = best.column
    }
  }

  const { weights, error } = weigh(base, columns, revenue)
  const [level = 0, growth = 0, sine = 0, cosine = 0, ...ceilings] = weights
  const average = mean(revenue)
  const variance = revenue.reduce((sum, value) => sum + (value - average) ** 2, 0)
  return {
    channels: channels.map(({ name, spend }, at) => ({
      name,
      ...shapes[at]!,
      ceiling: ceilings[at] ?? 0,
      carried: carriedOver(spend, shapes[at]!.decay).at(-1) ?? 0,
    })),
    baseline: { level, growth, sine, cosine },
    rSquared: 1 - error / variance,
  }
}

/** The baseline of a week, counted from the first of the data. */
export function baselineAt({ baseline }: Fit, week: number): number {
  const [one, time, sine, cosine] = baseRow(week)
  return baseline.level * one + baseline.growth * time + baseline.sine * sine + baseline.cosine * cosine
}

function baseRow(week: number): [number, number, number, number] {
  const angle = (2 * Math.PI * week) / 52
  return [1, week, Math.sin(angle), Math.cos(angle)]
}

/** Least squares, without the channels that would get a negative weight. */
function weigh(base: readonly number[][], columns: readonly number[][], target: readonly number[]) {
  const size = base[0]!.length
  const left = new Set(columns.keys())
  for (;;) {
    const used = [...left]
    const rows = base.map((row, week) => [...row, ...used.map((at) => columns[at]![week]!)])
    const solved = leastSquares(rows, target)
    const negative = used.filter((_, at) => solved[size + at]! < 0)
    if (negative.length === 0) {
      const weights = [...solved.slice(0, size), ...columns.map(() => 0)]
      for (const [at, channel] of used.entries()) weights[size + channel] = solved[size + at]!
      const error = rows.reduce((sum, row, week) => sum + (dot(row, solved) - target[week]!) ** 2, 0)
      return { weights, error }
    }
    for (const channel of negative) left.delete(channel)
  }
}

/** By the normal equations and elimination with pivots; a trace of ridge keeps them solvable. */
function leastSquares(rows: readonly number[][], target: readonly number[]): number[] {
  const size = rows[0]!.length
  const system = Array.from({ length: size }, (_, a) => [
    ...Array.from({ length: size }, (_, b) => {
      const product = rows.reduce((sum, row) => sum + row[a]! * row[b]!, 0)
      return a === b ? product + 1e-9 : product
    }),
    rows.reduce((sum, row, week) => sum + row[a]! * target[week]!, 0),
  ])
  for (let at = 0; at < size; at++) {
    let pivot = at
    for (let row = at + 1; row < size; row++)
      if (Math.abs(system[row]![at]!) > Math.abs(system[pivot]![at]!)) pivot = row
    ;[system[at], system[pivot]] = [system[pivot]!, system[at]!]
    for (let row = 0; row < size; row++) {
      if (row === at) continue
      const factor = system[row]![at]! / system[at]![at]!
      for (let column = at; column <= size; column++) system[row]![column]! -= factor * system[at]![column]!
    }
  }
  return system.map((row, at) => row[size]! / row[at]!)
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
