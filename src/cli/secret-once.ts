import type { Config } from '../config.ts'
import { CommandFailed } from './failure.ts'
import { print, printJson } from './print.ts'
import { openTokenFile } from './token-file.ts'

/** A service key or a management key, as it was made. */
interface WithToken {
  id: string
  /** Null where the request was a repeat. */
  token: string | null
}

/**
 * Issues a key and shows what came of it, the secret included: on a terminal or by `--json`; otherwise in a file of
 * its own, since what is printed may end up in a log.
 */
export async function showOnce<Issued extends WithToken>(
  issue: () => Promise<Issued>,
  factsOf: (key: Issued) => string,
  { config, json }: { config: Config; json: true | undefined },
): Promise<void> {
  if (json) return await printJson(await issue())
  if (process.stdout.isTTY) {
    const key = await issue()
    await print(`${factsOf(key)}\n\n${secretOf(key)}\n\nKeep it now: it is not shown again.`)
    return
  }
  const file = openTokenFile(config.dataDir)
  let key: Issued
  try {
    key = await issue()
    secretOf(key)
  } catch (error) {
    file.discard()
    throw error
  }
  await print(`${factsOf(key)}\n\nThe secret is in the file ${file.keep(key.id, secretOf(key))}`)
}

function secretOf({ id, token }: WithToken): string {
  if (token === null) throw new CommandFailed(`the key ${id} is there already, and its secret was shown then`)
  return token
}
