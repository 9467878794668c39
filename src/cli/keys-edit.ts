import { Command } from 'commander'
import type { ShownKeyJson } from '../admin/schemas-keys.ts'
import { withAdmin } from './connect.ts'
import { CommandFailed } from './failure.ts'
import { keyId } from './key-id.ts'
import { keyFacts } from './keys-show.ts'
import { addressHelp, repeated, toolHelp } from './limits.ts'
import { print, printJson } from './print.ts'
import { settingsOf } from './settings.ts'

interface Options {
  name?: string
  tool: string[]
  allTools?: true
  address: string[]
  anyAddress?: true
  json?: true
}

/** `postern keys edit`. */
export function keysEditCommand(): Command {
  return new Command('edit')
    .description('change the name of a service key, or what it may do; what is left out stays as it is')
    .argument('<id>', 'the id of the key')
    .option('--name <label>', 'what to call the key')
    .option('--tool <pattern>', `${toolHelp}; these replace all that it has`, repeated, [])
    .option('--all-tools', 'take its list of tools away')
    .option('--address <cidr>', `${addressHelp}; these replace all that it has`, repeated, [])
    .option('--any-address', 'let it be used from anywhere')
    .option('--json', 'print JSON')
    .action(async (argument: string, { json, ...asked }: Options, command: Command) => {
      const id = keyId(argument)
      const edit = editOf(asked)
      if (Object.keys(edit).length === 0) throw new CommandFailed('say what to change', 2)
      await withAdmin(await settingsOf(command), async (admin) => {
        const { version } = await admin.get<ShownKeyJson>(`/keys/${id}`)
        const key = await admin.patch<ShownKeyJson>(`/keys/${id}`, edit, version)
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
