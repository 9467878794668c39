import { isMailAddress } from '../domain/mail-address.ts'
import { isIPv4 } from 'node:net'
import { createTransport } from 'nodemailer'
import { arrived, failed, refused, type Attempt, type Sender } from './sender.ts'
import { wordingOf, type Wording } from './wording.ts'

/** Where mail is handed in. */
export interface SmtpServer {
  host: string
  port: number
  /** TLS from the first byte on; otherwise STARTTLS. */
  secure: boolean
  auth: { user: string; pass: string } | null
}

export interface EmailSettings {
  smtp: SmtpServer
  /** The sender's address. */
  from: string
  pageUrl: string | null
}

/** One attempt's bound, in milliseconds; shorter than a claim. */
const attemptMs = 45_000
const stepMs = 10_000

/**
 * E-mail by SMTP, text and HTML. `Message-ID` is the delivery's id, the same on every attempt, so that mailboxes show
 * a repeat once. The owner gets it, the backup owner too where it is escalated. Replies that say that the mailbox
 * will never take it (550, 551, 553) end it for good.
 */
export function createEmailSender({ smtp, from, pageUrl }: EmailSettings): Sender {
  const isLocal = isThisMachine(smtp.host)
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.secure,
    ...(smtp.auth === null ? {} : { auth: smtp.auth }),
    // A password crosses no network in the clear; a relay on this machine often has no certificate to show.
    requireTLS: !smtp.secure && !isLocal && smtp.auth !== null,
    ignoreTLS: isLocal,
    connectionTimeout: stepMs,
    greetingTimeout: stepMs,
    socketTimeout: stepMs,
    dnsTimeout: stepMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  })
  const domain = from.slice(from.lastIndexOf('@') + 1)

  return {
    channel: 'email',
    recipients(notice, escalated) {
      const { facts, kind } = notice
      if (kind === 'test') return [facts?.owner ?? from]
      const asked = [facts?.owner, escalated ? facts?.backupOwner : null]
      const addresses = asked.filter((address) => typeof address === 'string')
      // The backup owner may be the owner, written otherwise.
      return [...new Map(addresses.map((address) => [address.toLowerCase(), address])).values()]
    },
    async send({ id, recipient }, notice) {
      // Checked when it was set; checked again where a mistake would reach others.
      if (!isMailAddress(recipient)) return refused('the address is not one that mail can go to')
      const wording = wordingOf(notice)
      const sending = transport.sendMail({
        from: { name: 'Postern', address: from },
        to: { name: '', address: recipient },
        subject: wording.subject,
        date: new Date(notice.createdAt),
        messageId: `<${id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        text: textOf(wording, pageUrl),
        html: htmlOf(wording, pageUrl),
      })
      return await within(attemptMs, sending.then(() => arrived).catch(attemptOf))
    },
  }
}

/** Whether a host needs no network to be reached. A name that only begins like a loopback address may be anywhere. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

const finalReplies = new Set([550, 551, 553])
const causes: Record<string, string> = {
  EAUTH: 'the SMTP server refused the login',
  EDNS: 'the SMTP server has no address',
  ECONNECTION: 'the connection to the SMTP server failed',
  ESOCKET: 'the connection to the SMTP server failed',
  ETLS: 'the SMTP server offers no TLS that can be trusted',
  ETIMEDOUT: 'the SMTP server did not answer in time',
  EENVELOPE: 'the SMTP server refused the sender or the recipient',
}

/** By codes alone: a server's reply may repeat anything. */
function attemptOf(error: unknown): Attempt {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  const reply: unknown = error instanceof Error ? Reflect.get(error, 'responseCode') : undefined
  const cause = (typeof code === 'string' ? causes[code] : undefined) ?? 'the message could not be handed in'
  if (typeof reply !== 'number') return failed(cause)
  const failure = `${cause} (SMTP ${reply})`
  // Said of the login or the sender, it says nothing about the recipient, and the settings can be mended.
  const isOfRecipient = Reflect.get(error as object, 'command') === 'RCPT TO'
  return finalReplies.has(reply) && isOfRecipient ? refused(failure) : failed(failure)
}

async function within(limitMs: number, attempt: Promise<Attempt>): Promise<Attempt> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Attempt>((done) => {
    timer = setTimeout(() => done(failed('the SMTP server did not answer in time')), limitMs)
  })
  return await Promise.race([attempt, late]).finally(() => clearTimeout(timer))
}

function textOf({ happened, next, facts }: Wording, pageUrl: string | null): string {
  const lines = [happened, '', `What to do: ${next}`]
  if (facts.length > 0) lines.push('', ...facts.map(([name, value]) => `${name}: ${value}`))
  if (pageUrl !== null) lines.push('', `The keys: ${pageUrl}`)
  return `${lines.join('\n')}\n`
}

function htmlOf({ subject, happened, next, facts }: Wording, pageUrl: string | null): string {
  const rows = facts.map(
    ([name, value]) =>
      `<tr><td style="padding:2px 16px 2px 0;color:#666">${escaped(name)}</td><td>${escaped(value)}</td></tr>`,
  )
  const link = pageUrl === null ? '' : `<p><a href="${escaped(pageUrl)}">Open the keys</a></p>`
  return [
    '<!doctype html><html lang="en"><body style="font-family:sans-serif;font-size:15px;color:#222">',
    `<h1 style="font-size:18px">${escaped(subject)}</h1>`,
    `<p>${escaped(happened)}</p><p><strong>What to do:</strong> ${escaped(next)}</p>`,
    rows.length === 0 ? '' : `<table style="border-spacing:0">${rows.join('')}</table>`,
    `${link}</body></html>`,
  ].join('\n')
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
