import { acquireFileLock } from '../credential/file-lock.ts'
import { draftKeyFile } from '../credential/key-draft.ts'
import type { GivenKey } from '../credential/open.ts'
import type { KnownKey } from '../credential/own-key.ts'
import { codeOf, whyOf } from '../credential/private-file.ts'
import { adviceFor } from '../credential/renewal-lines.ts'
import { planRenewal } from '../credential/renewal-plan.ts'
import { dayAndTime } from '../credential/warning-text.ts'
import { failed, ok, warning, type CheckLine } from './line.ts'

/** What will happen to the key, and when; whether its file could be replaced is tried out, and nothing is changed. */
export async function checkRenewal(
  { token, where, file }: GivenKey,
  known: KnownKey,
  now: () => number,
): Promise<CheckLine> {
  const end = dayAndTime(known.endsAt)
  const plan = planRenewal(known, 0)
  if (plan.kind === 'not-granted')
    return ok('renewal', `the key does not renew itself: somebody has to replace it before ${end}`)
  if (plan.kind === 'family-ended')
    return warning(
      'renewal',
      `the key has renewed itself for as long as it may, and ends on ${end}`,
      'ask an administrator to rotate it before',
    )
  if (file === null)
    return warning(
      'renewal',
      `the key may renew itself, but not in ${where}, which the bridge can't write`,
      'put it into a file of yours (chmod 600), and name that by --key-file',
    )
  const fault = await faultOfReplacing(file.path, token, now)
  if (fault !== null)
    return failed('renewal', `the key may renew itself, but ${where} can't be replaced: ${fault}`)
  if (known.isRetiring)
    return ok('renewal', `the bridge asks for the key's successor at its next start; this one ends on ${end}`)
  const when = plan.at <= known.now ? 'at its next start' : `around ${dayAndTime(plan.at)}`
  return ok(
    'renewal',
    `the bridge renews the key in ${where} ${when}, and so on until ${dayAndTime(plan.until)} at most`,
  )
}

/** Does what a renewal does before it asks for anything; null where that went well. */
async function faultOfReplacing(path: string, token: string, now: () => number): Promise<string | null> {
  try {
    const lock = await acquireFileLock(path, now)
    // A bridge is at it, which answers the question.
    if (lock === null) return null
    try {
      const draft = await draftKeyFile(path, token)
      await draft.discard()
      return null
    } finally {
      await lock.release()
    }
  } catch (error) {
    return whyOf(error) + adviceFor(codeOf(error))
  }
}
