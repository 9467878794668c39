import { Command, Option } from 'commander'
import type { ShownKeyJson } from '../admin/schemas-keys.ts'
import type { MeJson } from '../admin/schemas-settings.ts'
import { clientSnippets, snippetClients, type Snippet } from '../mcp/client-snippets.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { keyId } from './key-id.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

interface Options {
  client?: string
  tokenEnv?: string
  route?: string
  json?: true
}

/** `postern keys snippet`. */
export function keysSnippetCommand(): Command {
  return new Command('snippet')
    .description(
      'print what connects a client with a key, without the key: nobody has it but who was shown it',
    )
    .argument('[id]', 'the id of the key, to name the server after its service user')
    .addOption(new Option('--client <name>', 'for which client or language').choices(snippetClients))
    .option('--token-env <variable>', 'the environment variable that holds the key', 'POSTERN_KEY')
    .option('--route <path>', 'the MCP route, where there are several')
    .option('--json', 'print JSON: all of them, unless --client names one')
    .action(async (argument: string | undefined, options: Options, command: Command) => {
      const { client, json, tokenEnv: variable = 'POSTERN_KEY' } = options
      if (client === undefined && !json)
        throw new CommandFailed(`say for which client: --client ${snippetClients.join('|')}`, 2)
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable))
        throw new CommandFailed('--token-env is the name of an environment variable, such as POSTERN_KEY', 2)
      const id = argument === undefined ? null : keyId(argument)
      await withAdmin(await settingsOf(command), async (admin) => {
        const name = id === null ? 'postern' : (await admin.get<ShownKeyJson>(`/keys/${id}`)).serviceUser
        const url = urlOf(await admin.get<MeJson>('/me'), options.route)
        const made = clientSnippets({ name, url, token: null, variable })
        const asked = made.filter((snippet) => client === undefined || snippet.client === client)
        await (json ? printJson({ data: asked }) : print(asked.map(wordsOf).join('\n\n')))
      })
    })
}

function urlOf({ deployment: { mcpUrls } }: MeJson, route: string | undefined): string {
  const [first, ...others] = route === undefined ? mcpUrls : mcpUrls.filter(({ path }) => path === route)
  if (first === undefined)
    throw new CommandFailed(
      route === undefined
        ? 'no MCP route accepts service keys: see routes in the settings'
        : 'no MCP route of this path accepts service keys',
    )
  if (others.length > 0)
    throw new CommandFailed(`say which route: --route ${mcpUrls.map(({ path }) => path).join('|')}`, 2)
  return first.url
}

function wordsOf({ text, title, file, environment, asksForKey, needs }: Snippet): string {
  const notes = [
    file === null ? null : `${title} reads this from ${file}`,
    environment === null ? null : `the key is read from the environment variable ${environment}`,
    asksForKey ? `${title} asks for the key` : null,
    text.includes('YOUR_KEY') ? 'put the key in the place of YOUR_KEY' : null,
    needs === undefined ? null : `it starts the bridge ${needs}, which needs Node 20.19 or newer`,
  ].filter((note) => note !== null)
  return notes.length === 0 ? text : `${text}\n\n(${notes.join('; ')})`
}
