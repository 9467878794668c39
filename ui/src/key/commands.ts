import { quoted } from '../create/shell.ts'

/** A `postern` command as a shell takes it, so that an action of the page can be repeated there. */
export function commandLine(...parts: readonly string[]): string {
  return ['postern', ...parts.map(quoted)].join(' ')
}

type OptionValue = string | readonly string[] | true | null | undefined

/**
 * `--name value` for each that has one, again for each of a list, and `--name` alone for true. No value is taken for an
 * option.
 */
export function options(values: Readonly<Record<string, OptionValue>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === null || value === undefined
      ? []
      : value === true
        ? [`--${name}`]
        : (typeof value === 'string' ? [value] : value).flatMap((one) =>
            one === '' || one.startsWith('-') ? [`--${name}=${one}`] : [`--${name}`, one],
          ),
  )
}
