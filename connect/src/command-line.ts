import { parseArgs } from 'node:util'
import { secureUrl } from '../../src/client/https-url.ts'
import { BridgeFailure } from './contracts.ts'
import type { ConnectOptions } from './contracts.ts'

export type Command =
  | { kind: 'connect'; options: ConnectOptions }
  | { kind: 'check'; options: ConnectOptions & { isJson: boolean } }
  | { kind: 'help' }
  | { kind: 'version' }

export const help = `postern-connect: the stdio MCP server for an endpoint behind Postern

  postern-connect URL          relays between stdin/stdout and the endpoint
  postern-connect check URL    says whether address, key, grants and protocol work (--json: for a program)

The key comes from POSTERN_KEY, or:
  --key-file FILE         from a file that only you can read; it renews itself where the key may
  --client-credentials    tokens in its place; the guide says which variables that takes

HTTPS_PROXY, NO_PROXY and NODE_EXTRA_CA_CERTS are respected.
`

/** Reads the command line, without the program's own name. Throws {@link BridgeFailure}, which shows none of it. */
export function readCommandLine(given: readonly string[]): Command {
  if (given.some((each) => secret.test(each)))
    throw new BridgeFailure(
      'key_in_arguments',
      'A key must not stand on the command line, where every program of this machine can read it: set POSTERN_KEY, or use --key-file. Treat it as leaked.',
    )
  const { values, positionals } = parsed(given)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  const isCheck = positionals[0] === 'check'
  const [text, ...rest] = isCheck ? positionals.slice(1) : positionals
  if (text === undefined || rest.length > 0)
    throw new BridgeFailure('usage', 'Say one URL: postern-connect https://gateway.example.com/mcp')
  const options = {
    url: endpoint(text),
    keyFile: values['key-file'] ?? null,
    isClientCredentials: values['client-credentials'] === true,
  }
  if (values.json === true && !isCheck)
    throw new BridgeFailure('usage', 'There is an option that is for check only: see --help.')
  if (isCheck) return { kind: 'check', options: { ...options, isJson: values.json === true } }
  return { kind: 'connect', options }
}

/** A token of whatever prefix, or what other bridges take a credential by. */
const secret =
  /(?:^|[^A-Za-z0-9])[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{49}(?![0-9A-Za-z])|^--?(?:header|key|token|api-?key)(?:=|$)|^(?:authorization\s*:|bearer\s)/i

function parsed(given: readonly string[]) {
  try {
    return parseArgs({
      args: [...given],
      allowPositionals: true,
      options: {
        'key-file': { type: 'string' },
        'client-credentials': { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    })
  } catch (error) {
    const isUnknown = error instanceof Error && Reflect.get(error, 'code') === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
    throw new BridgeFailure(
      'usage',
      isUnknown
        ? 'There is an option that postern-connect does not know: see --help.'
        : 'The command line can not be read: see --help.',
    )
  }
}

function endpoint(text: string): URL {
  let url: URL
  try {
    url = secureUrl('The URL', text)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'The URL can not be used'
    throw new BridgeFailure('url_refused', `${why}: such as https://gateway.example.com/mcp`)
  }
  for (const [name, value] of url.searchParams)
    if (secretName.test(name) || secret.test(value))
      throw new BridgeFailure(
        'url_refused',
        'The URL must not bear a key, since URLs are logged everywhere: set POSTERN_KEY, or use --key-file. Treat it as leaked.',
      )
  url.hash = ''
  return url
}

const secretName = /key|token|secret|password|passwd|auth|credential|bearer/i
