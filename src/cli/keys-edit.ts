import { Command } from 'commander'
import type { ShownKeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { addressHelp, askedLimits, repeated, toolHelp, withUseOptions, type UseOptions } from './limits.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

interface Options extends UseOptions {
  name?: string
  tool: string[]
  allTools?: true
  address: string[]
  anyAddress?: true
  json?: true
}

/** `postern keys edit`. */
export function keysEditCommand(): Command {
  const command = new Command('edit')
    .description('change the name of a service key, or what it may do; what is left out stays as it is')
    .argument('<id>', 'the id of the key')
    .option('--name <label>', 'what to call the key')
    .option('--tool <pattern>', `${toolHelp}; these replace all that it has`, repeated, [])
    .option('--all-tools', 'take its list of tools away')
    .option('--address <cidr>', `${addressHelp}; these replace all that it has`, repeated, [])
    .option('--any-address', 'let it be used from anywhere')
  return withUseOptions(command)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nOf --rate to --monthly, "none" takes a limit away.')
    .action(async (argument: string, { json, ...asked }: Options, run: Command) => {
      const id = keyId(argument)
      const edit = editOf(asked)
      if (Object.keys(edit).length === 0 && askedLimits(asked, null) === null)
        throw new CommandFailed('say what to change', 2)
      await withAdmin(await settingsOf(run), async (admin) => {
        const { version, limits: before } = await admin.get<ShownKeyJson>(`/keys/${id}`)
        const limits = askedLimits(asked, before)
        const change = { ...edit, ...(limits === null ? {} : { limits }) }
        const key = await admin.patch<ShownKeyJson>(`/keys/${id}`, change, version)
        await (json ? printJson(key) : print(keyFacts(key)))
      })
    })
}

function editOf({ name, tool, allTools, address, anyAddress }: Options): object {
  if (allTools === true && tool.length > 0) throw new CommandFailed('give either --tool or --all-tools', 2)
  if (anyAddress === true && address.length > 0)
    throw new CommandFailed('give either --address or --any-address', 2)
  return {
    ...(name === undefined ? {} : { name }),
    ...(tool.length > 0 || allTools === true ? { tools: tool } : {}),
    ...(address.length > 0 || anyAddress === true ? { addresses: address } : {}),
  }
}
