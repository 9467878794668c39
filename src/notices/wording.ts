import type { Notice, NoticeFacts, NoticeKind } from '../domain/notice.ts'

/** What a notice says to people: plain text, on one line each, with nothing in it that hides or breaks a line. */
export interface Wording {
  subject: string
  happened: string
  /** What to do next. */
  next: string
  /** Names and values. */
  facts: readonly (readonly [string, string])[]
}

/** The words for a notice. */
export function wordingOf(notice: Notice): Wording {
  const { kind, facts } = notice
  if (kind === 'test' || facts === null)
    return {
      subject: 'Test notice from Postern',
      happened: 'Someone sent this to see whether notices arrive. They do.',
      next: 'Nothing is left to do.',
      facts: facts?.actor ? [['Sent by', plain(facts.actor)]] : [],
    }
  const key = `"${plain(facts.keyName)}" (${plain(facts.keyStart)}…)`
  const { subject, happened, next } = texts[kind](facts, key)
  return {
    subject: `${subject}: ${plain(facts.serviceUser)}`,
    happened,
    next,
    facts: factLines(notice, facts),
  }
}

type Texts = (facts: NoticeFacts, key: string) => { subject: string; happened: string; next: string }

const texts: Record<Exclude<NoticeKind, 'test'>, Texts> = {
  'key-created': (facts, key) => ({
    subject: 'Service key created',
    happened: `The key ${key} of ${plain(facts.serviceUser)} was created by ${by(facts)}. It works until ${instant(facts.expiresAt)}.`,
    next: 'If you did not expect it, revoke it and ask who created it.',
  }),
  'key-rotated': (facts, key) => ({
    subject: 'Service key rotated',
    happened: `The key ${key} of ${plain(facts.serviceUser)} was rotated by ${by(facts)}. Its successor starts with ${plain(facts.successorStart ?? '?')}….`,
    next: `Give the new token to everything that uses the old one, which works until ${instant(facts.retiresAt ?? facts.expiresAt)}.`,
  }),
  'key-revoked': (facts, key) => ({
    subject: 'Service key revoked',
    happened: `The key ${key} of ${plain(facts.serviceUser)} was revoked by ${by(facts)}. It opens nothing any more.`,
    next: 'If something still needs access, issue a new key for it.',
  }),
  'overlap-ending': (facts, key) => ({
    subject: 'Old service key still in use',
    happened: `The key ${key} of ${plain(facts.serviceUser)} was rotated, and its old token is still used. It stops working at ${instant(facts.retiresAt ?? facts.expiresAt)}.`,
    next: 'Give the new token to what still uses the old one, or extend the overlap.',
  }),
  'overlap-ended': (facts, key) => ({
    subject: 'Old service key ended',
    happened: `The overlap of the rotated key ${key} of ${plain(facts.serviceUser)} ended at ${instant(facts.retiresAt ?? facts.expiresAt)}. Its old token opens nothing any more.`,
    next: 'If something stopped working, give it the new token.',
  }),
  'key-expiring': (facts, key) => ({
    subject: `Service key expires within ${days(facts.daysLeft ?? 0)}`,
    happened: `The key ${key} of ${plain(facts.serviceUser)} expires at ${instant(facts.expiresAt)}.`,
    next: 'Rotate it: old and new token both work for a while, so that nothing has to stop.',
  }),
  'key-expired': (facts, key) => ({
    subject: 'Service key expired',
    happened: `The key ${key} of ${plain(facts.serviceUser)} expired at ${instant(facts.expiresAt)}. It opens nothing any more.`,
    next: 'If something still needs access, issue a new key for it.',
  }),
  'key-unused': (facts, key) => ({
    subject: 'Service key unused for 90 days',
    happened: `The key ${key} of ${plain(facts.serviceUser)} was ${facts.lastUsedAt === null ? 'never used' : `last used at ${instant(facts.lastUsedAt)}`}.`,
    next: 'If nothing needs it any more, revoke it.',
  }),
}

function factLines(notice: Notice, facts: NoticeFacts): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [
    ['Service user', plain(facts.serviceUser)],
    ['Key', plain(facts.keyName)],
    ['Starts with', plain(facts.keyStart)],
    ['Key id', plain(notice.keyId ?? '–')],
    ['Expires', instant(facts.expiresAt)],
  ]
  if (facts.retiresAt !== null) lines.push(['Overlap ends', instant(facts.retiresAt)])
  lines.push(['Last used', facts.lastUsedAt === null ? 'never' : instant(facts.lastUsedAt)])
  if (facts.actor !== null) lines.push(['By', plain(facts.actor)])
  if (facts.reason !== null) lines.push(['Reason', plain(facts.reason)])
  return lines
}

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const mostCharacters = 300

/** A text that others chose, for one line: control, invisible and direction-changing characters escaped, and cut. */
export function plain(text: string): string {
  const seen = text.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
  const characters = Array.from(seen)
  return characters.length > mostCharacters ? `${characters.slice(0, mostCharacters).join('')}…` : seen
}

function by({ actor }: NoticeFacts): string {
  return actor === null ? 'Postern' : plain(actor)
}

function days(count: number): string {
  return count === 1 ? '1 day' : `${count} days`
}

function instant(at: number): string {
  const text = new Date(at).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}
