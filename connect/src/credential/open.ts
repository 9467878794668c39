import { BridgeFailure, type ConnectOptions, type Environment, type OpenCredential } from '../contracts.ts'
import { openClientCredentials } from './client-credentials.ts'
import { createFixedKey, createKeyFromFile } from './key-credential.ts'
import { tokenIn } from './key-form.ts'
import { createOwnKeys } from './own-key.ts'
import { readPrivateFile, shownPath, type PrivateText } from './private-file.ts'

/** The environment variable that holds the key where no file does. */
export const keyVariable = 'POSTERN_KEY'

/** A key as it was given. `where` is what a person calls its place; `file` is null where that is the environment. */
export interface GivenKey {
  token: string
  where: string
  file: PrivateText | null
}

/** What the command line names comes before the environment. A key from a file begins to look after itself. */
export const openCredential: OpenCredential = async (options, around) => {
  if (options.isClientCredentials) {
    refuseBoth(options)
    return openClientCredentials(around)
  }
  const { token, where, file } = await readGivenKey(options, around.environment)
  const { tell, now, send } = around
  if (file === null || options.keyFile === null) return createFixedKey(token, where, { tell, now })
  const keys = createOwnKeys(options.url, send)
  return createKeyFromFile({ file: options.keyFile, first: file, keys, random: Math.random, tell, now })
}

/** Reads the key and checks its form; nobody is asked. Rejects with {@link BridgeFailure}. */
export async function readGivenKey(
  { keyFile }: Pick<ConnectOptions, 'keyFile'>,
  environment: Environment,
): Promise<GivenKey> {
  if (keyFile !== null) {
    const file = await readPrivateFile(keyFile)
    const where = shownPath(keyFile)
    return { token: tokenIn(file.text, where), where, file }
  }
  const key = environment[keyVariable] ?? ''
  if (key === '')
    throw new BridgeFailure(
      'no_key',
      `there is no key: set ${keyVariable} where the client starts the bridge, or name a file by --key-file`,
    )
  return { token: tokenIn(key, keyVariable), where: keyVariable, file: null }
}

/** Throws {@link BridgeFailure} where two kinds of credential are asked for. */
export function refuseBoth({ keyFile }: Pick<ConnectOptions, 'keyFile'>): void {
  if (keyFile !== null) throw new BridgeFailure('usage', 'say one of --key-file and --client-credentials')
}
