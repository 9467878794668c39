/**
 * Whether a text is one bare e-mail address: no display name, comment, list, quoting or header. Narrower than
 * RFC 5321 on purpose: notices go there.
 */
export function isMailAddress(text: string): boolean {
  const [local = '', domain = '', ...rest] = text.split('@')
  return (
    rest.length === 0 &&
    text.length <= 254 &&
    /^(?!\.)(?!.*\.\.)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}(?<!\.)$/.test(local) &&
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(
      domain,
    )
  )
}
