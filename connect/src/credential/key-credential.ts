import type { Credential, KeyWarning, Tell } from '../contracts.ts'
import { tokenIn } from './key-form.ts'
import type { OwnKeys } from './own-key.ts'
import { readPrivateFile, shownPath, type PrivateText } from './private-file.ts'
import { startRenewal } from './renewal.ts'
import { warningText } from './warning-text.ts'

interface Surroundings {
  tell: Tell
  now: () => number
}

/** A key that was given once and stays as it is. */
export function createFixedKey(token: string, where: string, { tell, now }: Surroundings): Credential {
  const authorization = bearer(token)
  return {
    header: () => Promise.resolve({ authorization }),
    refused: () => Promise.resolve('same'),
    warned: (warning) => tell('warning', warning.code, warningText(warning, now(), where)),
    close: () => Promise.resolve(),
  }
}

export interface KeyFileOptions extends Surroundings {
  /** As the person named it. */
  file: string
  first: PrivateText
  keys: OwnKeys
  random: () => number
}

/** How often the file is looked at while calls are made, in milliseconds. */
const lookMs = 1_000

/**
 * The key of a file, which renews itself where it may. Another key in the file, by another bridge or a person, is taken
 * within a second of the next call, and at once where the one in use is refused. Throws `BridgeFailure` where the file
 * holds none.
 */
export function createKeyFromFile({ file, first, keys, random, tell, now }: KeyFileOptions): Credential {
  const name = shownPath(file)
  let inFile = tokenIn(first.text, name)
  let { path } = first
  /** A successor that could not be written; it is used only once the old key is refused. */
  let unsaved: { token: string; isUsed: boolean } | null = null
  let lookedAt = performance.now()
  let looking: Promise<void> | null = null
  let misreadings = 0
  let withheld: KeyWarning | null = null

  const current = () => (unsaved?.isUsed === true ? unsaved.token : inFile)

  function adopt(token: string): void {
    if (token === inFile) return
    inFile = token
    unsaved = null
    withheld = null
    misreadings = 0
  }

  async function look(): Promise<void> {
    try {
      // By the name that was given: what it leads to may be another file by now.
      const read = await readPrivateFile(file)
      const token = tokenIn(read.text, name)
      ;({ path } = read)
      misreadings = 0
      if (token === inFile) return
      adopt(token)
      renewal.restart()
    } catch (error) {
      // Not at the first time: whoever writes the file by hand empties it first.
      if (++misreadings === 2 && error instanceof Error)
        tell('warning', 'key_file_ignored', `${error.message}. The key from before goes on being used`)
    }
  }

  function lookOnce(): Promise<void> {
    lookedAt = performance.now()
    looking ??= look().finally(() => {
      looking = null
    })
    return looking
  }

  const renewal = startRenewal({
    path: () => path,
    keys,
    tell,
    now,
    random,
    inFile: () => inFile,
    unsaved: () => (unsaved?.isUsed === true ? unsaved.token : null),
    adopt,
    keep(token) {
      unsaved = { token, isUsed: false }
    },
    onOutlook: warn,
  })

  /** Nobody is bothered about a key that will be renewed. */
  function warn(): void {
    if (withheld === null || renewal.outlook() !== 'ends') return
    tell('warning', withheld.code, warningText(withheld, now(), name))
    withheld = null
  }

  return {
    header() {
      // Nobody waits for it: the old key is good, or its refusal leads to another look.
      if (performance.now() - lookedAt >= lookMs) void lookOnce()
      return Promise.resolve({ authorization: bearer(current()) })
    },

    async refused(used, status) {
      if (status !== 401) return 'same'
      if (used !== bearer(current())) return 'changed'
      await looking
      await lookOnce()
      if (used !== bearer(current())) return 'changed'
      if (unsaved === null || unsaved.isUsed) return 'same'
      unsaved.isUsed = true
      renewal.restart()
      return 'changed'
    },

    warned(warning, used) {
      if (used !== bearer(current())) return
      withheld = warning
      warn()
    },

    close: () => renewal.close(),
  }
}

function bearer(token: string): string {
  return `Bearer ${token}`
}
