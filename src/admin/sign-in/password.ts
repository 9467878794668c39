import { RequestRefused } from '../problem.ts'

/** The password policy, in characters: length is what counts. */
export const passwordLength = { least: 12, most: 128 }

/** Throws {@link RequestRefused}: `password_too_short`, `password_too_long`. */
export function refuseWeakPassword(password: unknown, field: string): void {
  const length = typeof password === 'string' ? Array.from(password).length : 0
  if (length < passwordLength.least)
    throw new RequestRefused(
      400,
      'password_too_short',
      `The password must have at least ${passwordLength.least} characters.`,
      field,
    )
  if (typeof password === 'string' && password.length > passwordLength.most)
    throw new RequestRefused(
      400,
      'password_too_long',
      `The password must have at most ${passwordLength.most} characters.`,
      field,
    )
}
