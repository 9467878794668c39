import { existsSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { loadConfig as loadFile } from 'c12'
import { ConfigInvalid, parseConfig, type Config } from './config.ts'
import { withoutSecrets } from './config/problem.ts'

/** The settings files that are looked for, in the working directory only. */
export const configFileNames = ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml'].map(
  (extension) => `postern.config.${extension}`,
)

export interface ConfigSource {
  /** Where the settings file is looked for, and what relative directories are taken from. */
  cwd: string
  env: Readonly<Record<string, string | undefined>>
  /** A settings file that must exist, instead of looking for one. */
  file?: string | undefined
}

/**
 * The settings: the file's, if there is one, overridden by the environment. Throws `ConfigInvalid` for
 * settings, or a file, that can't be used.
 */
export async function loadConfig(source: ConfigSource): Promise<Config> {
  const file = fileOf(source)
  return parseConfig(file === null ? {} : await readSettings(file), source.env, source.cwd)
}

function fileOf({ cwd, file }: ConfigSource): string | null {
  if (file !== undefined) {
    const path = resolve(cwd, file)
    if (!existsSync(path)) throw new ConfigInvalid([`the settings file ${path} does not exist`])
    if (!configFileNames.some((name) => extname(name) === extname(path)))
      throw new ConfigInvalid([`the settings file ${path} is none of .ts, .js, .json and .yaml`])
    return path
  }
  const found = configFileNames.filter((name) => existsSync(join(cwd, name)))
  if (found.length > 1)
    throw new ConfigInvalid([`${found.join(' and ')} are both there: leave one, or name one by --config`])
  return found[0] === undefined ? null : join(cwd, found[0])
}

async function readSettings(file: string): Promise<unknown> {
  try {
    const { config } = await loadFile({
      cwd: join(file, '..'),
      configFile: file,
      configFileRequired: true,
      // The file says it all: nothing beside it is read, run, merged or downloaded.
      dotenv: false,
      rcFile: false,
      globalRc: false,
      packageJson: false,
      extend: false,
      giget: false,
      envName: false,
      // As it is: the usual deep merge drops null and keys such as __proto__, which then nobody would refuse.
      merger: (...sources) => sources.find((layer) => layer !== undefined && layer !== null) ?? {},
      // A compiled copy in a shared temporary directory would hold secrets and could be replaced by others.
      jitiOptions: { fsCache: false },
    })
    return config
  } catch (error) {
    throw new ConfigInvalid([`the settings file ${file} can't be read: ${explain(file, error)}`])
  }
}

/** What went wrong. The parsers of data files quote the text, which may hold secrets, so they aren't cited. */
function explain(file: string, error: unknown): string {
  const extension = extname(file)
  if (extension === '.json') return 'it is no valid JSON with an object'
  if (extension === '.yaml' || extension === '.yml') return 'it is no valid YAML with an object'
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return withoutSecrets(line) ?? 'it failed with a message that is not shown, as it may hold a secret'
}
