import type { Check, ConnectOptions, Surroundings } from '../contracts.ts'
import { openClientCredentials } from '../credential/client-credentials.ts'
import { readGivenKey, refuseBoth } from '../credential/open.ts'
import { createOwnKeys } from '../credential/own-key.ts'
import { checkAddress } from './address.ts'
import { keyLine } from './key.ts'
import { failedBy, ok, shown, skipped, warning, wordsOf, type CheckLine } from './line.ts'
import { speakMcp, type Spoken } from './protocol.ts'
import { checkRenewal } from './renewal.ts'

/**
 * `postern-connect check URL`: five findings, one line each, in the order of what depends on what; or one object of JSON.
 * Nothing is changed anywhere. The exit code is 0 where all work, 1 where one fails, 2 where it was started wrongly.
 */
export const check: Check = async (options, around, print) => {
  const lines = await findings(options, around)
  const exitCode = Math.max(...lines.map((line) => line.exitCode))
  if (options.isJson)
    print(
      JSON.stringify({
        ok: exitCode === 0,
        checks: lines.map(({ name, state, text, advice }) => ({ name, state, text, advice })),
      }),
    )
  else for (const line of lines) print(wordsOf(line))
  return exitCode
}

async function findings(options: ConnectOptions, around: Surroundings): Promise<CheckLine[]> {
  const address = await checkAddress(options.url, around.send)
  try {
    return options.isClientCredentials
      ? await withTokens(options, around, address)
      : await withKey(options, around, address)
  } catch (error) {
    return [address, failedBy('key', error), ...notReached('there is no key to ask with')]
  }
}

async function withKey(
  options: ConnectOptions,
  { send, environment, now }: Surroundings,
  address: CheckLine,
): Promise<CheckLine[]> {
  const given = await readGivenKey(options, environment)
  if (address.state === 'failed')
    return [address, keyLine(given, null, false), ...notReached('the address does not work')]
  const known = await createOwnKeys(options.url, send).describe(given.token)
  if (known.kind === 'refused' && known.status === 401)
    return [address, keyLine(given, known, false), ...notReached('the key is refused')]
  const spoken = await speakOrFail(options.url, `Bearer ${given.token}`, send)
  const key = keyLine(given, known, 'revision' in spoken)
  const { renewableUntil = null } = known.kind === 'answered' ? known.value : {}
  const rotation =
    known.kind !== 'answered'
      ? ''
      : renewableUntil === null
        ? '; it may not renew itself'
        : '; it may renew itself'
  const renewal =
    known.kind === 'answered'
      ? await checkRenewal(given, known.value, now)
      : skipped('renewal', 'the server does not say whether the key may renew itself')
  return [address, key, ...spokenLines(spoken, rotation), renewal]
}

async function withTokens(
  options: ConnectOptions,
  around: Surroundings,
  address: CheckLine,
): Promise<CheckLine[]> {
  refuseBoth(options)
  const { authorization } = await (await openClientCredentials(around)).header()
  const key = ok('key', 'the issuer gave a token')
  if (address.state === 'failed') return [address, key, ...notReached('the address does not work')]
  const spoken = await speakOrFail(options.url, authorization, around.send)
  return [
    address,
    'revision' in spoken ? ok('key', 'the issuer gave a token, and the server accepts it') : key,
    ...spokenLines(spoken, ''),
    ok('renewal', 'tokens are kept in memory, and replaced ahead of their end'),
  ]
}

async function speakOrFail(...asked: Parameters<typeof speakMcp>): Promise<Spoken | CheckLine> {
  try {
    return await speakMcp(...asked)
  } catch (error) {
    return failedBy('protocol', error)
  }
}

/** The findings about grants and protocol. */
function spokenLines(spoken: Spoken | CheckLine, rotation: string): [CheckLine, CheckLine] {
  if (!('revision' in spoken)) return [skipped('grants', `its tools could not be listed${rotation}`), spoken]
  const { tools, revision, server } = spoken
  const protocol = ok('protocol', `MCP ${shown(revision)} with ${shown(server)}`)
  if (tools === null) return [ok('grants', `the server offers no tools${rotation}`), protocol]
  if (tools.length === 0)
    return [
      warning('grants', `no tool is listed${rotation}`, 'ask who issued the key whether it should be so'),
      protocol,
    ]
  const some = tools.slice(0, mostNames).map((name) => shown(name, 40))
  const rest = tools.length > some.length ? `, and ${tools.length - some.length} more` : ''
  const count = tools.length === 1 ? '1 tool' : `${tools.length} tools`
  return [ok('grants', `${count}: ${some.join(', ')}${rest}${rotation}`), protocol]
}

const mostNames = 8

function notReached(why: string): CheckLine[] {
  return (['grants', 'protocol', 'renewal'] as const).map((name) => skipped(name, `not looked at: ${why}`))
}
