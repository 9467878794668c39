import type { LimitsJson } from '../../../src/admin/schemas-keys.ts'

/** How much a key may be used, as it was typed; empty: not limited. */
export interface LimitsDraft {
  /** Such as `60/m`. */
  rate: string
  burst: string
  /** `pattern=rate`, or `pattern=rate+burst`. */
  toolRates: readonly string[]
  concurrent: string
  daily: string
  monthly: string
}

export const noLimits: LimitsDraft = {
  rate: '',
  burst: '',
  toolRates: [],
  concurrent: '',
  daily: '',
  monthly: '',
}

/** A key's limits as the form has them. */
export function draftOfLimits({ rate, burst, tools, concurrent, daily, monthly }: LimitsJson): LimitsDraft {
  return {
    rate: rate ?? '',
    burst: numberText(burst),
    toolRates: tools.map((each) => `${each.tool}=${each.rate}${each.burst === null ? '' : `+${each.burst}`}`),
    concurrent: numberText(concurrent),
    daily: numberText(daily),
    monthly: numberText(monthly),
  }
}

/** What the server is sent: all limits, what was left empty as null. */
export function limitsOf(draft: LimitsDraft): LimitsJson {
  const rate = draft.rate.trim()
  return {
    rate: rate === '' ? null : rate,
    burst: numberOf(draft.burst),
    tools: draft.toolRates.map(toolRateOf),
    concurrent: numberOf(draft.concurrent),
    daily: numberOf(draft.daily),
    monthly: numberOf(draft.monthly),
  }
}

/** What can't be sent as it is, by the field's name, in words for the place beside it. */
export function faultsOfLimits(draft: LimitsDraft): Record<string, string> {
  const counts = (['burst', 'concurrent', 'daily', 'monthly'] as const).filter(
    (name) => draft[name].trim() !== '' && !/^[0-9]{1,12}$/.test(draft[name].trim()),
  )
  const wrong = draft.toolRates.findIndex((text) => !toolRatePattern.test(text))
  return {
    ...Object.fromEntries(counts.map((name) => [`limits.${name}`, 'Must be a whole number.'])),
    ...(wrong === -1
      ? {}
      : { 'limits.tools': `tools[${wrong}] must be a pattern and a rate, such as forecast_*=10/m.` }),
  }
}

/** The options of the command line for the fields that it names; `none` where one was taken away. */
export function limitOptions(changed: Partial<LimitsDraft>): Record<string, string | readonly string[]> {
  const { rate, burst, toolRates, concurrent, daily, monthly } = changed
  const texts = { rate, burst, concurrent, daily, monthly }
  return {
    ...Object.fromEntries(
      Object.entries(texts).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, text.trim() === '' ? 'none' : text.trim()]],
      ),
    ),
    ...(toolRates === undefined ? {} : { 'tool-rate': toolRates.length === 0 ? ['none'] : toolRates }),
  }
}

/** The fields of {@link LimitsDraft} that were filled in. */
export function filledIn(draft: LimitsDraft): Partial<LimitsDraft> {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value.length > 0))
}

/** A pattern may hold the sign, and a rate can't. */
const toolRatePattern = /^(.+)=([^=+]+)(?:\+([0-9]{1,10}))?$/

function toolRateOf(text: string): LimitsJson['tools'][number] {
  const [, tool = text, rate = '', burst] = toolRatePattern.exec(text) ?? []
  return { tool: tool.trim(), rate: rate.trim(), burst: burst === undefined ? null : Number(burst) }
}

function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text.trim())
}

function numberText(value: number | null): string {
  return value === null ? '' : String(value)
}
