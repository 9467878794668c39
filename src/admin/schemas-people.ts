import { z } from 'zod'
import { roles } from './access.ts'
import { id, instant, someText } from './schemas-common.ts'

/** What the admin API takes and gives about people and how they sign in. */

export const personSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    name: z.string(),
    role: z.enum(roles),
    emailVerified: z.boolean(),
    createdAt: instant,
    disabledAt: instant.nullable(),
    lastSignInAt: instant.nullable(),
    passkeys: z.int().describe('How many'),
  })
  .meta({ id: 'Person' })

export const invitationSchema = z
  .object({
    id,
    email: z.string(),
    role: z.enum(roles),
    invitedBy: z.string(),
    createdAt: instant,
    expiresAt: instant,
  })
  .meta({ id: 'Invitation' })

export const newInvitationSchema = z
  .object({
    ...invitationSchema.shape,
    url: z.string().describe('The link, with its token: shown in this answer and never again'),
  })
  .meta({ id: 'NewInvitation' })

export const peopleSchema = z
  .object({
    data: z.array(personSchema),
    nextCursor: z.string().nullable(),
    invitations: z.array(invitationSchema).describe('Those that are open'),
  })
  .meta({ id: 'People' })

export const invitation = z.strictObject({ email: someText, role: z.enum(roles) })
export const personEdit = z.strictObject({ role: z.enum(roles) })

const password = z.string().max(1024)

export const setup = z.strictObject({ token: someText, email: someText, name: someText, password })
export const acceptance = z.strictObject({ token: someText, name: someText, password })

export const setupLinkSchema = z
  .object({
    url: z.string().describe('The link, with its token: it works once'),
    expiresAt: instant,
  })
  .meta({ id: 'SetupLink' })

export const signInMethodsSchema = z
  .object({
    password: z.boolean(),
    passkey: z.boolean(),
    oidc: z.array(z.object({ id: z.string(), name: z.string() })),
    setupNeeded: z.boolean().describe('Nobody is an administrator yet'),
    hosted: z.boolean().describe('The app around signs people in'),
  })
  .meta({ id: 'SignInMethods' })

export type PersonJson = z.infer<typeof personSchema>
export type InvitationJson = z.infer<typeof invitationSchema>
export type NewInvitationJson = z.infer<typeof newInvitationSchema>
export type PeopleJson = z.infer<typeof peopleSchema>
export type SetupLinkJson = z.infer<typeof setupLinkSchema>
export type SignInMethodsJson = z.infer<typeof signInMethodsSchema>
