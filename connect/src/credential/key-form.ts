import { holdsToken, managementPrefix, parseToken } from '../../../src/domain/service-key.ts'
import { BridgeFailure } from '../contracts.ts'

/**
 * The token in a text, which may end in line breaks. Tells a typo apart before anything is sent; throws
 * {@link BridgeFailure} `key_malformed`, which says nothing of what the text holds. `where` is what the person calls
 * its place.
 */
export function tokenIn(text: string, where: string): string {
  const token = text.replace(/[\r\n]+$/, '')
  const form = /^([a-z][a-z0-9]{1,11})_[0-9A-Za-z]{49}$/.exec(token)
  const prefix = form?.[1] ?? ''
  if (form === null) throw malformed(`${where} ${faultOf(token)}`)
  if (prefix === managementPrefix)
    throw malformed(`${where} holds a management key, which opens no MCP endpoint: put a service key there`)
  if (parseToken(token, [prefix]) === null)
    throw malformed(
      `${where} holds a key with a typo (its checksum is wrong): copy it again, from its first to its last character`,
    )
  return token
}

function faultOf(text: string): string {
  const asIs = 'put the key there as it was shown, and nothing else'
  if (text.trim() === '') return 'is empty: put the key there'
  if (text === 'YOUR_KEY' || text.startsWith('${'))
    return 'still has a placeholder where the key belongs: put the key there'
  // What editors and shells on Windows like to write.
  if (/^\ufeff|\0|^\ufffd/.test(text))
    return 'is not plain text (UTF-16, or with a byte order mark): save it as UTF-8'
  if (/^bearer\s/i.test(text)) return `begins with Bearer: ${asIs}`
  if (/^["']|["']$/.test(text)) return `has quotation marks in it: ${asIs}`
  if (holdsToken(text)) return `holds more than one key alone: ${asIs}`
  return `holds no service key, which is a prefix, _ and 49 letters and digits: ${asIs}`
}

function malformed(message: string): BridgeFailure {
  return new BridgeFailure('key_malformed', message)
}
