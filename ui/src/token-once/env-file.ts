/** A file for the environment of whatever is to call. */
export interface EnvFile {
  name: string
  text: string
}

interface NamedKey {
  name: string
  serviceUser: string
  expiresAt: string
}

/** The token as `POSTERN_KEY` in a `.env` file that says what it is and when it ends. */
export function envFile(key: NamedKey, token: string, mcpUrl: string | null): EnvFile {
  const lines = [
    `# ${oneLine(key.name)} (service user ${oneLine(key.serviceUser)})`,
    `# It ends at ${key.expiresAt}. Keep this file out of git.`,
    ...(mcpUrl === null ? [] : [`# For ${oneLine(mcpUrl)}`]),
    `POSTERN_KEY=${token}`,
  ]
  return { name: `${fileStem(key.name)}.env`, text: `${lines.join('\n')}\n` }
}

/** A name as one line of a comment: nothing in it can end the line or turn its direction. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\uFFFD')
}

/** A name as the stem of a file's name on any system. */
function fileStem(name: string): string {
  const stem = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
    .toLowerCase()
  return stem === '' ? 'service-key' : stem
}
