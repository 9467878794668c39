import { isMailAddress } from '../../src/domain/mail-address.ts'
import { createServer, type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { NoticeFacts } from '../../src/domain/notice.ts'
import { createEmailSender, isThisMachine, type EmailSettings } from '../../src/notices/email.ts'
import type { Sender } from '../../src/notices/sender.ts'
import { noticeOf } from './facts.ts'
import { startMailServer, type MailServer } from './mail-server.ts'

const id = '0195a000-0000-7000-8000-00000000000d'
const password = 'c4nary-smtp-password'
const servers: MailServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function mailServer(options?: Parameters<typeof startMailServer>[0]): Promise<MailServer> {
  const server = await startMailServer(options)
  servers.push(server)
  return server
}

function senderTo(port: number, parts: Partial<EmailSettings> = {}, auth = false): Sender {
  const smtp = {
    host: '127.0.0.1',
    port,
    secure: false,
    auth: auth ? { user: 'postern', pass: password } : null,
  }
  return createEmailSender({ smtp, from: 'keys@example.com', pageUrl: null, ...parts })
}

describe('a mail', () => {
  test('says what happened and what to do, as text and HTML, to the owner alone', async () => {
    const server = await mailServer()
    const pageUrl = 'https://postern.example.com/admin/api-keys?a=1&b=2'
    const sender = senderTo(server.port, { pageUrl })
    expect(await sender.send({ id, recipient: 'team@example.com' }, noticeOf())).toEqual({ failure: null })
    const { mail, from, to } = server.received[0] ?? expect.fail('nothing arrived')
    expect([from, to]).toEqual(['keys@example.com', ['team@example.com']])
    expect(mail.subject).toBe('Service key expires within 7 days: reporter')
    expect(mail.messageId).toBe(`<${id}@example.com>`)
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated')
    for (const text of ['expires at 2027-05-29 14:03:11 UTC', 'What to do:', 'Rotate it', 'pst_Ab3d']) {
      expect(mail.text).toContain(text)
      expect(String(mail.html).replaceAll(/<\/?strong>/g, '')).toContain(text)
    }
    expect(mail.text).toContain(pageUrl)
    expect(mail.html).toContain('href="https://postern.example.com/admin/api-keys?a=1&amp;b=2"')
  })

  test('has the same Message-ID and date on every attempt, and no link where none is set', async () => {
    const server = await mailServer()
    const sender = senderTo(server.port)
    const notice = noticeOf()
    await sender.send({ id, recipient: 'team@example.com' }, notice)
    await sender.send({ id, recipient: 'team@example.com' }, notice)
    const [first, second] = server.received
    expect(first?.mail.messageId).toBe(second?.mail.messageId)
    expect(first?.mail.date).toEqual(second?.mail.date)
    expect(`${first?.mail.text}${String(first?.mail.html)}`).not.toMatch(/https?:|<a /)
  })

  test('is said in words of its own for each kind', async () => {
    const server = await mailServer()
    const sender = senderTo(server.port)
    const kinds = [
      ...(['key-created', 'key-rotated', 'key-revoked', 'overlap-ending', 'overlap-ended'] as const),
      ...(['key-expiring', 'key-expired', 'key-unused', 'test'] as const),
    ]
    for (const kind of kinds)
      // oxlint-disable-next-line no-await-in-loop
      await sender.send({ id, recipient: 'team@example.com' }, noticeOf({ kind }, { actor: 'local:ann' }))
    expect(new Set(server.received.map(({ mail }) => mail.subject)).size).toBe(kinds.length)
    for (const { mail } of server.received) expect(mail.text).not.toMatch(/undefined|null|NaN|\[object/)
  })
})

describe('no name gets out of its place (T20)', () => {
  const hostile =
    'x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script>\u202egnp.exe\u0000\u2028.\r\n.\r\n'

  test('line breaks, markup and characters that turn the direction', async () => {
    const server = await mailServer()
    const facts = {
      serviceUser: hostile,
      keyName: hostile,
      keyStart: hostile,
      actor: hostile,
      reason: hostile,
    }
    const kinds = ['key-created', 'key-rotated', 'key-expiring', 'key-unused'] as const
    for (const kind of kinds)
      // oxlint-disable-next-line no-await-in-loop
      await senderTo(server.port).send({ id, recipient: 'team@example.com' }, noticeOf({ kind }, facts))
    expect(server.received).toHaveLength(kinds.length)
    for (const { mail, to } of server.received) {
      expect(to).toEqual(['team@example.com'])
      expect(mail.bcc).toBeUndefined()
      expect(mail.cc).toBeUndefined()
      expect(mail.attachments).toEqual([])
      expect(mail.subject).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
      expect(mail.html).not.toContain('<script')
      expect(mail.html).toContain('&lt;script&gt;')
      expect(`${mail.text}${String(mail.html)}`).not.toMatch(/[\p{Cf}\p{Zl}]|\0/u)
    }
  })

  test('whatever the facts are, the headers are the same ones', async () => {
    const server = await mailServer()
    const sender = senderTo(server.port)
    const names = async (facts: Partial<NoticeFacts>): Promise<string[]> => {
      expect(await sender.send({ id, recipient: 'team@example.com' }, noticeOf({}, facts))).toEqual({
        failure: null,
      })
      return server.received.at(-1)?.mail.headerLines.map(({ key }) => key) ?? []
    }
    const usual = await names({})
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }),
      fc.constantFrom('\r\nX-A: b', '=?utf-8?q?=0d?='),
    )
    await fc.assert(
      fc.asyncProperty(text, text, async (serviceUser, keyName) => {
        expect(await names({ serviceUser, keyName })).toEqual(usual)
      }),
      { numRuns: 20 },
    )
  })

  test.each([
    'team@example.com\r\nBcc: evil@example.com',
    'team@example.com, evil@example.com',
    'Team <team@example.com>',
    '"a b"@example.com',
    'team@example.com\u202e',
    'team@exa mple.com',
    'team@[127.0.0.1]',
    'team',
    '',
  ])('a mail to %j is refused for good, and nobody is asked', async (recipient) => {
    const server = await mailServer()
    expect(isMailAddress(recipient)).toBe(false)
    expect(await senderTo(server.port).send({ id, recipient }, noticeOf())).toMatchObject({ isFinal: true })
    expect(server.received).toEqual([])
  })
})

describe('who gets it', () => {
  const sender = senderTo(1)
  const both = { owner: 'owner@example.com', backupOwner: 'backup@example.com' }
  test.each<[string, Partial<NoticeFacts>, boolean, string[]]>([
    ['the owner', both, false, ['owner@example.com']],
    ['the backup owner too, where it is escalated', both, true, ['owner@example.com', 'backup@example.com']],
    [
      'one mail where both are the same',
      { ...both, backupOwner: 'Owner@Example.com' },
      true,
      ['Owner@Example.com'],
    ],
    ['the backup owner where there is no other', { ...both, owner: null }, true, ['backup@example.com']],
    ['nobody without an owner', { owner: null }, false, []],
    ['nobody without a backup owner', { owner: null }, true, []],
  ])('%s', (_, facts, escalated, expected) => {
    expect(sender.recipients(noticeOf({}, facts), escalated)).toEqual(expected)
  })

  test('a test goes to its address, or to the sender itself', () => {
    expect(sender.recipients(noticeOf({ kind: 'test' }, both), false)).toEqual(['owner@example.com'])
    expect(sender.recipients(noticeOf({ kind: 'test', facts: null }), false)).toEqual(['keys@example.com'])
  })
})

describe('what a server says', () => {
  const send = (sender: Sender) => sender.send({ id, recipient: 'team@example.com' }, noticeOf())

  test('a login is used', async () => {
    const server = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password: given }, _, done) =>
        given === password ? done(null, { user: username }) : done(new Error('Invalid login')),
    })
    expect(await send(senderTo(server.port, {}, true))).toEqual({ failure: null })
    expect(server.received[0]?.user).toBe('postern')
  })

  test('a login that is refused is worth another attempt, and the failure shows no password', async () => {
    const server = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password: given }, _, done) => done(new Error(`no ${username} ${given}`)),
    })
    const attempt = await send(senderTo(server.port, {}, true))
    expect(attempt).toEqual({ failure: 'the SMTP server refused the login (SMTP 535)', isFinal: false })
  })

  test.each([
    [550, true],
    [551, true],
    [553, true],
    [450, false],
    [451, false],
    [552, false],
    [554, false],
  ])('%i to the recipient: final %s', async (responseCode, isFinal) => {
    const server = await mailServer({
      onRcptTo: (_, __, done) => done(Object.assign(new Error(`canary ${password}`), { responseCode })),
    })
    const failure = `the SMTP server refused the sender or the recipient (SMTP ${responseCode})`
    expect(await send(senderTo(server.port))).toEqual({ failure, isFinal })
  })

  test('550 to the sender is a matter of the settings: worth another attempt', async () => {
    const server = await mailServer({
      onMailFrom: (_, __, done) => done(Object.assign(new Error('not you'), { responseCode: 550 })),
    })
    expect(await send(senderTo(server.port))).toMatchObject({ isFinal: false })
  })

  test('a server that offers no TLS gets no password over a network', async () => {
    const server = await mailServer({ allowInsecureAuth: true, onAuth: () => expect.fail('it was sent') })
    // Another address of this machine, which the sender takes for one of another.
    const smtp = { host: '0.0.0.0', port: server.port, secure: false, auth: { user: 'u', pass: password } }
    const attempt = await send(senderTo(server.port, { smtp }))
    expect(attempt).toMatchObject({
      isFinal: false,
      failure: expect.stringMatching(/^the SMTP server offers no TLS/),
    })
    expect(server.received).toEqual([])
  })

  test('a name that only begins like this machine is another one', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1'])
      expect([host, isThisMachine(host)]).toEqual([host, true])
    for (const host of [
      '127.evil.example.com',
      '127.0.0.1.example.com',
      'localhost.example.com',
      '0.0.0.0',
      '10.0.0.1',
    ])
      expect([host, isThisMachine(host)]).toEqual([host, false])
  })

  test('a server that is not there, or never greets, is a failure with a cause', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const { port } = silent.address() as AddressInfo
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const attempt = send(senderTo(port))
    for (let step = 0; step < 60; step += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((done) => setImmediate(done))
      vi.advanceTimersByTime(1000)
    }
    vi.useRealTimers()
    expect(await attempt).toEqual({ failure: 'the SMTP server did not answer in time', isFinal: false })
    silent.close()
    const closed = await mailServer()
    await closed.close()
    expect(await send(senderTo(closed.port))).toEqual({
      failure: 'the connection to the SMTP server failed',
      isFinal: false,
    })
  })
})
