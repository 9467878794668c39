import type { Command } from 'commander'
import { loadConfig } from '../config-file.ts'
import type { Config } from '../config.ts'
import { CommandFailed } from './failure.ts'

/** The options that every command takes. */
export interface CommonOptions {
  config?: string
  data?: string
  json?: boolean
}

/** The settings as this call of the CLI names them: `--config`, and `--data` over `POSTERN_DATA`. */
export async function settingsOf(command: Command): Promise<Config> {
  const { config, data } = command.optsWithGlobals<CommonOptions>()
  const env = data === undefined ? process.env : { ...process.env, POSTERN_DATA: data }
  return await loadConfig({ cwd: process.cwd(), env, file: config })
}

/** {@link settingsOf}, for what is done on this machine and over no network. */
export async function localSettingsOf(command: Command): Promise<Config> {
  if (process.env['POSTERN_URL'])
    throw new CommandFailed(
      `POSTERN_URL is set, and \`postern ${nameOf(command)}\` works on this machine only: unset it`,
      2,
    )
  return await settingsOf(command)
}

function nameOf(command: Command): string {
  const { parent } = command
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`
}
