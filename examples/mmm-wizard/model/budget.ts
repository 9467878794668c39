import { carriedOver, saturated, weekCount, type Dataset } from './data.ts'
import { baselineAt, type Fit } from './fit.ts'

export interface Contribution {
  channel: string
  spend: number
  /** Revenue that the channel brought in, in euros. */
  revenue: number
  /** Of all revenue, from 0 to 1. */
  share: number
  /** Revenue for each euro spent. */
  returnOnSpend: number
}

/** What each channel brought in over the two years; the rest is the baseline. */
export function contributions(model: Fit, { channels, revenue }: Dataset): Contribution[] {
  const total = sum(revenue)
  return model.channels.map(({ name, decay, halfSaturation, ceiling }) => {
    const spent = channels.find((channel) => channel.name === name)?.spend ?? []
    const brought = sum(carriedOver(spent, decay).map((spend) => ceiling * saturated(spend, halfSaturation)))
    const spend = sum(spent)
    return {
      channel: name,
      spend,
      revenue: Math.round(brought),
      share: brought / total,
      returnOnSpend: spend === 0 ? 0 : brought / spend,
    }
  })
}

/** Euros a week by channel. */
export type Budget = Record<string, number>

/** The revenue of the coming weeks, week by week, when each channel gets its budget in each of them. */
export function forecast(model: Fit, budget: Budget, weeks: number): number[] {
  const effects = model.channels.map(({ name, decay, halfSaturation, ceiling, carried }) =>
    carriedOver(
      Array.from({ length: weeks }, () => budget[name] ?? 0),
      decay,
      carried,
    ).map((spend) => ceiling * saturated(spend, halfSaturation)),
  )
  return Array.from({ length: weeks }, (_, week) =>
    Math.round(baselineAt(model, weekCount + week) + sum(effects.map((effect) => effect[week] ?? 0))),
  )
}

const stepCount = 500

/**
 * Splits a weekly total so that it brings in the most once it has run for a while: each part of it goes where it
 * adds most, which is the best split since every channel only ever flattens.
 */
export function reallocate(model: Fit, total: number): Budget {
  const step = total / stepCount
  const budget: Budget = Object.fromEntries(model.channels.map(({ name }) => [name, 0]))
  const worth = ({ decay, halfSaturation, ceiling }: Fit['channels'][number], spend: number) =>
    ceiling * saturated(spend / (1 - decay), halfSaturation)
  for (let part = 0; part < stepCount; part++) {
    let best = { name: '', gain: -Infinity }
    for (const channel of model.channels) {
      const now = budget[channel.name] ?? 0
      const gain = worth(channel, now + step) - worth(channel, now)
      if (gain > best.gain) best = { name: channel.name, gain }
    }
    budget[best.name] = (budget[best.name] ?? 0) + step
  }
  return Object.fromEntries(Object.entries(budget).map(([name, spend]) => [name, Math.round(spend)]))
}

/** What the channels got in an average week of the last quarter. */
export function currentBudget({ channels }: Dataset): Budget {
  return Object.fromEntries(
    channels.map(({ name, spend }) => [name, Math.round(sum(spend.slice(-13)) / Math.min(13, spend.length))]),
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
