import {
  formatRate,
  limitsAnything,
  mostConcurrent,
  mostPoints,
  mostQuota,
  parseRate,
  toolRateFault,
  toolRatesLimit,
  type KeyLimits,
  type Rate,
  type ToolRate,
} from '../domain/limit.ts'
import { holdsToken } from '../domain/service-key.ts'
import { KeysRefused } from './refused.ts'

/** How much someone wants a key to be used at most; what is missing or null is no limit. */
export interface AskedLimits {
  /** Such as `60/m`. */
  rate?: string | null | undefined
  /** Calls beyond the rate, now and then. */
  burst?: number | null | undefined
  tools?: readonly AskedToolRate[] | undefined
  concurrent?: number | null | undefined
  daily?: number | null | undefined
  monthly?: number | null | undefined
}

export interface AskedToolRate {
  /** A pattern of tools, such as `forecast_*`. */
  tool: string
  rate: string
  burst?: number | null | undefined
}

/** The limits as they are kept; undefined where there are none. Throws {@link KeysRefused}: `limit_invalid`. */
export function limitsOf(asked: AskedLimits): KeyLimits | undefined {
  const { rate = null, burst = null, tools = [] } = asked
  if (rate === null && burst !== null) throw refused('burst', 'has no use without a rate')
  const limits: KeyLimits = {
    ...(rate === null ? {} : { rate: rateOf('rate', rate, burst) }),
    ...(tools.length === 0 ? {} : { tools: toolRatesOf(tools) }),
    ...countOf('concurrent', asked.concurrent, mostConcurrent),
    ...countOf('daily', asked.daily, mostQuota),
    ...countOf('monthly', asked.monthly, mostQuota),
  }
  return limitsAnything(limits) ? limits : undefined
}

/** What an edit did to the limits, for the history; null where nothing. */
export function limitsEdit(before: KeyLimits | undefined, after: KeyLimits | undefined): string | null {
  const [old, now] = [limitsText(before), limitsText(after)]
  return old === now ? null : `limits: ${old} → ${now}`
}

/** The limits in one line for people, such as `60/m (burst 20), 4 at once`; `none`. */
export function limitsText(limits: KeyLimits | undefined): string {
  if (limits === undefined || !limitsAnything(limits)) return 'none'
  const { rate, tools = [], concurrent, daily, monthly } = limits
  return [
    ...(rate === undefined ? [] : [rateText(rate)]),
    ...tools.map((each) => `${each.tool} ${rateText(each)}`),
    ...(concurrent === undefined ? [] : [`${concurrent} at once`]),
    ...(daily === undefined ? [] : [`${daily} a day`]),
    ...(monthly === undefined ? [] : [`${monthly} a month`]),
  ].join(', ')
}

function rateText(rate: Rate): string {
  return `${formatRate(rate)}${rate.burst === undefined ? '' : ` (burst ${rate.burst})`}`
}

function toolRatesOf(asked: readonly AskedToolRate[]): ToolRate[] {
  if (asked.length > toolRatesLimit) throw refused('tools', `has more than ${toolRatesLimit} entries`)
  const rates = asked.map(({ tool, rate, burst = null }, index) => {
    const fault = toolRateFault(tool)
    if (fault !== null) throw refused(`tools[${index}].tool`, fault)
    if (holdsToken(tool))
      throw refused(`tools[${index}].tool`, 'must not hold a key: it is kept, and shown to people')
    return { tool, ...rateOf(`tools[${index}].rate`, rate, burst) }
  })
  if (new Set(rates.map(({ tool }) => tool)).size !== rates.length)
    throw refused('tools', 'names a pattern twice: a second rate for it would be no other limit')
  return rates.toSorted((a, b) => (a.tool < b.tool ? -1 : 1))
}

function rateOf(field: string, text: string, burst: number | null): Rate {
  const rate = parseRate(text.trim())
  if (typeof rate === 'string') throw refused(field, rate)
  if (burst === null) return rate
  return {
    ...rate,
    ...countOf(field === 'rate' ? 'burst' : field.replace(/rate$/, 'burst'), burst, mostPoints, 'burst'),
  }
}

function countOf(
  field: string,
  value: number | null | undefined,
  most: number,
  name: string = field,
): Record<string, number> {
  if (value === null || value === undefined) return {}
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw refused(field, `must be a whole number from 1 to ${most}`)
  return { [name]: value }
}

function refused(field: string, fault: string): KeysRefused {
  return new KeysRefused('limit_invalid', `limits.${field}`, `limits.${field} ${fault}`)
}
