import type { Command } from 'commander'
import type { KeyJson, LimitsJson } from '../admin/schemas-keys.ts'
import { CommandFailed } from './failure.ts'
import { shown } from './terminal.ts'

export const toolHelp =
  'a tool that it may call, such as forecast_*, or not, such as !delete_*; repeat it for several'
export const addressHelp =
  'a block of addresses that it may be used from, such as 203.0.113.0/24; repeat it for several'

/** Gathers an option that may be given several times. */
export function repeated(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

/** The options about how much a key may be used, as they were given. */
export interface UseOptions {
  rate?: string
  burst?: string
  toolRate: string[]
  concurrent?: string
  daily?: string
  monthly?: string
}

/** Adds the options of {@link UseOptions}. */
export function withUseOptions(command: Command): Command {
  return command
    .option('--rate <rate>', 'how many calls in a time, such as 60/m, 5/s or 100/10m')
    .option('--burst <calls>', 'calls beyond the rate, whole again after ten of its times')
    .option(
      '--tool-rate <pattern=rate>',
      'how many calls of some tools, such as forecast_*=10/m, or 10/m+5 with a burst; repeat it for several',
      repeated,
      [],
    )
    .option('--concurrent <calls>', 'calls under way at once')
    .option('--daily <calls>', 'calls in a day, UTC')
    .option('--monthly <calls>', 'calls in a month, UTC')
}

/**
 * The limits that the options ask for, on top of those that the key has; null where they say nothing. `none` takes one
 * away.
 */
export function askedLimits(options: UseOptions, before: LimitsJson | null): LimitsJson | null {
  const { rate, burst, toolRate, concurrent, daily, monthly } = options
  if (toolRate.length === 0 && [rate, burst, concurrent, daily, monthly].every((each) => each === undefined))
    return null
  const had = before ?? { rate: null, burst: null, tools: [], concurrent: null, daily: null, monthly: null }
  const newRate = rate === undefined ? had.rate : rate === 'none' ? null : rate
  return {
    rate: newRate,
    burst: burst === undefined ? (newRate === null ? null : had.burst) : countOf('--burst', burst),
    tools: toolRate.length === 0 ? had.tools : toolRate.includes('none') ? [] : toolRate.map(toolRateOf),
    concurrent: concurrent === undefined ? had.concurrent : countOf('--concurrent', concurrent),
    daily: daily === undefined ? had.daily : countOf('--daily', daily),
    monthly: monthly === undefined ? had.monthly : countOf('--monthly', monthly),
  }
}

function countOf(option: string, value: string): number | null {
  if (value === 'none') return null
  if (!/^[0-9]{1,15}$/.test(value)) throw new CommandFailed(`${option} must be a whole number, or none`, 2)
  return Number(value)
}

function toolRateOf(value: string): LimitsJson['tools'][number] {
  // A tool's name may hold the sign, and a rate can't.
  const match = /^(.+)=([^=+]+)(?:\+([0-9]{1,10}))?$/.exec(value)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new CommandFailed('--tool-rate must be a pattern and a rate, such as forecast_*=10/m', 2)
  return { tool: match[1], rate: match[2], burst: match[3] === undefined ? null : Number(match[3]) }
}

/** What a key is limited to, for people. */
export function limitFacts({
  tools,
  addresses,
  limits,
}: Pick<KeyJson, 'tools' | 'addresses' | 'limits'>): [string, string][] {
  return [
    [
      'tools',
      tools.length === 0 ? 'every tool, unless the policy gives none by itself' : tools.map(shown).join(', '),
    ],
    ['from', addresses.length === 0 ? 'anywhere' : addresses.map(shown).join(', ')],
    ['limits', useText(limits)],
  ]
}

function useText({ rate, burst, tools, concurrent, daily, monthly }: LimitsJson): string {
  const parts = [
    ...(rate === null ? [] : [rateText(rate, burst)]),
    ...tools.map((each) => `${shown(each.tool)} ${rateText(each.rate, each.burst)}`),
    ...(concurrent === null ? [] : [`${concurrent} at once`]),
    ...(daily === null ? [] : [`${daily} a day`]),
    ...(monthly === null ? [] : [`${monthly} a month`]),
  ]
  return parts.length === 0 ? 'none of its own' : parts.join(', ')
}

function rateText(rate: string, burst: number | null): string {
  return burst === null ? rate : `${rate} (burst ${burst})`
}
