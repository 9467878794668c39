import { queryOptions } from '@tanstack/react-query'
import { ApiProblem } from './problem.ts'
import { request } from './request.ts'

/** One way to sign in without a password, as the server lists it. */
export interface Passkey {
  id: string
  name?: string | null
  createdAt?: string | null
}

export const passkeysQuery = queryOptions({
  queryKey: ['passkeys'],
  queryFn: async ({ signal }) =>
    (await request<Passkey[]>('GET', '/auth/passkey/list-user-passkeys', { signal })).value,
})

/** Whether this browser can, and reads what the server sends without a library. */
export function canUsePasskeys(): boolean {
  return (
    typeof PublicKeyCredential === 'function' &&
    typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function' &&
    typeof PublicKeyCredential.parseCreationOptionsFromJSON === 'function'
  )
}

export async function signInByPasskey(): Promise<void> {
  const { value: options } = await request<PublicKeyCredentialRequestOptionsJSON>(
    'GET',
    '/auth/passkey/generate-authenticate-options',
    { asksToSignIn: false },
  )
  const credential = await ceremony(() =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  )
  await request('POST', '/auth/passkey/verify-authentication', {
    body: { response: credential },
    asksToSignIn: false,
  })
}

export async function addPasskey(name: string): Promise<void> {
  const { value: options } = await request<PublicKeyCredentialCreationOptionsJSON>(
    'GET',
    '/auth/passkey/generate-register-options',
  )
  const credential = await ceremony(() =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  )
  await request('POST', '/auth/passkey/verify-registration', { body: { response: credential, name } })
}

export async function removePasskey(id: string): Promise<void> {
  await request('POST', '/auth/passkey/delete-passkey', { body: { id } })
}

/** What the browser and the device do; a person who turns away is told so, and nothing else happened. */
async function ceremony(begin: () => Promise<Credential | null>): Promise<unknown> {
  try {
    const credential = await begin()
    if (credential instanceof PublicKeyCredential) return credential.toJSON()
  } catch (error) {
    if (error instanceof DOMException && error.name === 'InvalidStateError')
      throw new ApiProblem(0, 'passkey_known', 'This device has a passkey for this page already.')
    if (error instanceof DOMException && error.name === 'SecurityError')
      throw new ApiProblem(0, 'passkey_host', 'Passkeys do not work at this address of the page.')
  }
  throw new ApiProblem(0, 'passkey_cancelled', 'No passkey was chosen. Try again, or use another way.')
}
