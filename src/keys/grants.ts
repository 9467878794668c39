import { formatAddressRange, parseAddressRange, rangesLimit } from '../domain/address-range.ts'
import { noGrants, type Grants } from '../domain/grant.ts'
import { holdsToken } from '../domain/service-key.ts'
import { isPattern, parseToolPattern, patternsLimit } from '../domain/tool-pattern.ts'
import { limitsOf, type AskedLimits } from './limits.ts'
import { KeysRefused } from './refused.ts'

/** What someone wants a key to be limited to; an empty list is no limit. */
export interface AskedGrants {
  selfRotate?: true
  tools?: readonly string[]
  addresses?: readonly string[]
  limits?: AskedLimits
}

/**
 * The grants of a key, in the form in which they are kept. Throws {@link KeysRefused}: `tool_pattern_invalid` or
 * `address_invalid`, with the place, or `limit_invalid`.
 */
export function grantsOf({
  selfRotate,
  tools = [],
  addresses = [],
  limits: asked = {},
}: AskedGrants): Grants {
  const patterns = patternsOf(tools)
  const ranges = rangesOf(addresses)
  const limits = limitsOf(asked)
  if (selfRotate !== true && patterns.length === 0 && ranges.length === 0 && limits === undefined)
    return noGrants
  return {
    ...(selfRotate === true ? { selfRotate } : {}),
    ...(patterns.length === 0 ? {} : { tools: patterns }),
    ...(ranges.length === 0 ? {} : { addresses: ranges }),
    ...(limits === undefined ? {} : { limits }),
  }
}

/** The patterns as they are kept, each once. Throws {@link KeysRefused}: `tool_pattern_invalid`. */
function patternsOf(tools: readonly string[]): string[] {
  if (tools.length > patternsLimit) throw tooMany('tool_pattern_invalid', 'tools', patternsLimit)
  // Not normalised as names for people are: a tool is called by exactly its name.
  const patterns = tools.map((text, index) => {
    const read = parseToolPattern(text)
    if (!isPattern(read))
      throw new KeysRefused(
        'tool_pattern_invalid',
        'tools',
        `tools[${index}] ${read.fault}, at character ${read.position + 1}; a pattern is a name such as forecast_budget, with * for any characters and ! in front for what is refused`,
        null,
        { index, position: read.position },
      )
    if (holdsToken(text))
      throw new KeysRefused(
        'tool_pattern_invalid',
        'tools',
        `tools[${index}] must not hold a key: it is kept, and shown to people`,
        null,
        { index, position: 0 },
      )
    return text
  })
  return [...new Set(patterns)]
}

/** The blocks in their canonical form, each once. Throws {@link KeysRefused}: `address_invalid`. */
function rangesOf(addresses: readonly string[]): string[] {
  if (addresses.length > rangesLimit) throw tooMany('address_invalid', 'addresses', rangesLimit)
  const ranges = addresses.map((written, index) => {
    const range = parseAddressRange(written.trim())
    if (typeof range === 'string')
      throw new KeysRefused('address_invalid', 'addresses', `addresses[${index}] ${range}`, null, {
        index,
        position: 0,
      })
    return formatAddressRange(range)
  })
  return [...new Set(ranges)]
}

function tooMany(
  code: 'tool_pattern_invalid' | 'address_invalid',
  field: 'tools' | 'addresses',
  most: number,
): KeysRefused {
  return new KeysRefused(code, field, `${field} has more than ${most} entries`, null, {
    index: most,
    position: 0,
  })
}
