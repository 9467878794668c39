import { describe, expect, test } from 'vitest'
import { ConfigInvalid, parseConfig, type Config } from '../../src/config.ts'

const secret = 'whsec_c2VjcmV0LWNhbmFyeS0xMjM0NTY3ODkwYWJj'
const webhook = { name: 'ops', url: 'https://hooks.example.com/x', secrets: [secret] }

function notices(input: unknown): Config['notices'] {
  return parseConfig({ notices: input }, {}, '/srv').notices
}

function problemOf(input: unknown): string {
  try {
    notices(input)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems.join('\n')
    throw error
  }
  return ''
}

test('nothing is set unless the settings say so', () => {
  const nothing = { email: null, webhooks: [], slack: null, pageUrl: null, allowAddresses: [] }
  expect(parseConfig({}, {}, '/srv').notices).toEqual(nothing)
  expect(notices({})).toEqual(nothing)
})

test.each([
  ['smtp://localhost', { host: 'localhost', port: 587, secure: false, auth: null }],
  ['smtp://127.0.0.1:25/', { host: '127.0.0.1', port: 25, secure: false, auth: null }],
  ['smtps://[::1]', { host: '::1', port: 465, secure: true, auth: null }],
  [
    'smtps://a%40b.com:p%3Aw%40%2F@Mail.Example.com:2465',
    { host: 'mail.example.com', port: 2465, secure: true, auth: { user: 'a@b.com', pass: 'p:w@/' } },
  ],
])('%s is read', (smtp, expected) => {
  expect(notices({ email: { smtp, from: 'keys@example.com' } }).email?.smtp).toEqual(expected)
})

test('a whole is taken as it is', () => {
  const whole = {
    webhooks: [webhook, { ...webhook, name: 'other', secrets: [secret, `${secret.slice(0, -4)}YWJk`] }],
    slack: { url: 'https://hooks.slack.com/services/T0/B0/x' },
    pageUrl: 'https://postern.example.com/admin/api-keys',
    allowAddresses: ['10.0.0.0/8', '127.0.0.1', 'fd00::/8'],
  }
  expect(notices(whole)).toEqual({
    ...whole,
    email: null,
    allowAddresses: ['10.0.0.0/8', '127.0.0.1/32', 'fd00::/8'],
  })
})

describe('a wrong value stops the start and says what would be right', () => {
  const email = (parts: object) => ({ email: { smtp: 'smtp://localhost', from: 'a@example.com', ...parts } })
  const hook = (parts: object) => ({ webhooks: [{ ...webhook, ...parts }] })
  test.each<[unknown, string]>([
    ['smtp://localhost', 'notices is a text that is not shown, as it may hold a secret: must be an object'],
    [email({ smtp: undefined }), 'notices.email.smtp is missing: must be an SMTP URL'],
    [email({ smtp: 'http://localhost' }), 'must be an SMTP URL'],
    [email({ smtp: 'smtp://localhost?pool=true' }), 'must be an SMTP URL'],
    [email({ smtp: 'smtp://user@localhost' }), 'must be an SMTP URL'],
    [email({ smtp: 'smtp://u:p%0d%0aQUIT@localhost' }), 'must be an SMTP URL'],
    [email({ smtp: 'smtp://u:%zz@localhost' }), 'must be an SMTP URL'],
    [email({ smtp: 'smtp://localhost:0' }), 'must be an SMTP URL'],
    [email({ from: 'Keys <keys@example.com>' }), 'must be one e-mail address'],
    [email({ from: 'keys@example.com\r\nBcc: x@example.com' }), 'must be one e-mail address'],
    [email({ from: 'keys@example.com, x@example.com' }), 'must be one e-mail address'],
    [email({ to: 'x@example.com' }), 'notices.email.to is no setting'],
    [{ webhooks: webhook }, 'notices.webhooks is an object: must be a list'],
    [{ webhooks: [webhook, webhook] }, 'notices.webhooks must have a name of its own for each'],
    [hook({ name: 'Ops Team' }), 'notices.webhooks[0].name is "Ops Team": must have 1 to 40'],
    [hook({ url: 'hooks.example.com' }), 'notices.webhooks[0].url is a text that is not shown'],
    [hook({ url: 'https://u:p@hooks.example.com' }), 'must be an https URL'],
    [hook({ url: 'file:///etc/passwd' }), 'must be an https URL'],
    [hook({ secrets: [] }), 'must be a list of 1 to 5 secrets'],
    [hook({ secrets: secret }), 'must be a list of 1 to 5 secrets'],
    [hook({ secrets: ['whsec_c2hvcnQ='] }), 'must be a Standard Webhooks secret'],
    [hook({ secrets: ['a'.repeat(40)] }), 'must be a Standard Webhooks secret'],
    [{ slack: 'https://hooks.slack.com/services/T0/B0/x' }, 'notices.slack is a text that is not shown'],
    [{ slack: { url: 'x' } }, 'must be an https URL'],
    [{ pageUrl: 'javascript:alert(1)' }, "must be the page's http or https URL"],
    [{ pageUrl: 'https://x.example/"><script>' }, "must be the page's http or https URL"],
    [{ allowAddresses: '10.0.0.0/8' }, 'must be a list of CIDR blocks'],
    [{ allowAddresses: ['10.0.0.0/33'] }, 'notices.allowAddresses[0] is "10.0.0.0/33": must be an address'],
    [{ allowAddresses: ['0x0a.0.0.0/8'] }, 'must be an address or a CIDR block'],
    [{ allowAddresses: ['10.0.0.0/00'] }, 'allows every address'],
    [{ allowAddresses: ['::/0'] }, 'allows every address'],
    [{ emails: {} }, 'notices.emails is no setting'],
  ])('%j', (input, problem) => {
    expect(problemOf(input)).toContain(problem)
  })
})

test('no message shows an SMTP URL, a webhook secret, a webhook URL or a Slack URL (T22)', () => {
  const canary = 'c4nary'
  const wrong = [
    { email: { smtp: `smtp//user:${canary}@host`, from: 'a@example.com' } },
    { email: { smtp: `smtp://user:${canary}@host?x=1`, from: 'a@example.com' } },
    { email: `smtp://user:${canary}@host` },
    { webhooks: [{ ...webhook, secrets: [canary] }] },
    { webhooks: [{ ...webhook, secrets: `whsec_${canary}` }] },
    { webhooks: [{ ...webhook, secrets: [{ [canary]: canary }] }] },
    { webhooks: [{ ...webhook, url: `htps://hooks.example.com/${canary}` }] },
    { webhooks: `https://hooks.example.com/${canary}` },
    { webhooks: [`https://hooks.example.com/${canary}`] },
    { slack: { url: `hooks.slack.com/services/${canary}` } },
    { slack: `https://hooks.slack.com/services/${canary}` },
    `https://hooks.slack.com/services/${canary}`,
  ]
  for (const input of wrong) {
    expect(problemOf(input)).not.toBe('')
    expect(problemOf(input)).not.toContain(canary)
  }
})
