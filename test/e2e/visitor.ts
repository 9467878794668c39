import { openGateway } from './gateway.ts'

type Gateway = Pick<Awaited<ReturnType<typeof openGateway>>, 'adminUrl' | 'postern'>

export interface Answered {
  status: number
  /** Of a problem. */
  code: string | undefined
  field: string | undefined
  json: Record<string, unknown>
  text: string
  headers: Headers
}

/** A browser with the page open, as far as HTTP shows it: it keeps cookies and says where it comes from. */
export interface Visitor {
  /** What it sends with each request, cookies included. */
  readonly headers: Record<string, string>
  readonly cookies: Map<string, string>
  /** `path` from the page's mount. */
  send(
    method: string,
    path: string,
    init?: { json?: unknown; text?: string; headers?: Record<string, string> },
  ): Promise<Answered>
  signIn(email: string, password?: string): Promise<Answered>
}

export const password = 'correct horse battery'
export const administrator = 'ada@example.com'

export async function openVisitor({ adminUrl }: Pick<Gateway, 'adminUrl'>): Promise<Visitor> {
  const cookies = new Map<string, string>()
  const visitor: Visitor = {
    get headers() {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      return {
        origin: adminUrl,
        'sec-fetch-site': 'same-origin',
        ...(cookie === '' ? {} : { cookie }),
      }
    },
    cookies,
    async send(method, path, { json, text, headers } = {}) {
      const body = text ?? (json === undefined ? undefined : JSON.stringify(json))
      const response = await fetch(`${adminUrl}/admin/api-keys${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...visitor.headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
      })
      for (const cookie of response.headers.getSetCookie()) keep(cookies, cookie)
      const answer = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json') === true
      const parsed = (isJson && answer !== '' ? JSON.parse(answer) : {}) as Record<string, unknown>
      return {
        status: response.status,
        code: parsed['code'] as string | undefined,
        field: parsed['field'] as string | undefined,
        json: parsed,
        text: answer,
        headers: response.headers,
      }
    },
    signIn: (email, secret = password) =>
      visitor.send('POST', '/api/auth/sign-in/email', { json: { email, password: secret } }),
  }
  return visitor
}

/** The page's first visitor, who made themselves its administrator by the setup link. */
export async function openAdministrator(
  gateway: Gateway & { setupUrl(): Promise<string | null> },
): Promise<Visitor> {
  const visitor = await openVisitor(gateway)
  const url = await gateway.setupUrl()
  const answered =
    url === null
      ? await visitor.signIn(administrator)
      : await visitor.send('POST', '/api/setup', {
          json: { token: tokenOf(url), email: administrator, name: 'Ada', password },
        })
  if (answered.status !== 200) throw new Error(answered.text)
  return visitor
}

/** Someone whom an administrator has invited, signed in. */
export async function openInvited(
  gateway: Gateway,
  by: Visitor,
  email: string,
  role: string,
): Promise<Visitor> {
  const invited = await by.send('POST', '/api/v1/people/invitations', { json: { email, role } })
  const visitor = await openVisitor(gateway)
  const answered = await visitor.send('POST', '/api/invitations/accept', {
    json: { token: tokenOf(String(invited.json['url'])), name: email, password },
  })
  if (answered.status !== 200) throw new Error(answered.text)
  return visitor
}

export function tokenOf(url: string): string {
  return url.slice(url.indexOf('#') + 1)
}

function keep(cookies: Map<string, string>, text: string): void {
  const [pair = '', ...attributes] = text.split('; ')
  const at = pair.indexOf('=')
  const isOver = attributes.some((each) => /^max-age=0$/i.test(each))
  if (isOver) cookies.delete(pair.slice(0, at))
  else cookies.set(pair.slice(0, at), pair.slice(at + 1))
}
