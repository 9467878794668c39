import type { PageJson } from '../admin/schemas-common.ts'

/** Writes lines to stdout and waits until they are out. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((done, failed) =>
    process.stdout.write(`${text}\n`, (error) => (error ? failed(error) : done())),
  )
}

/** One JSON value on one line. */
export async function printJson(value: unknown): Promise<void> {
  await print(JSON.stringify(value))
}

/** A list for people, with the way to its next page, or what to do where it is empty. */
export async function printPage<T>(
  page: PageJson<T>,
  whenEmpty: string,
  show: (rows: T[]) => string,
): Promise<void> {
  await print(page.data.length === 0 ? whenEmpty : show(page.data))
  if (page.nextCursor !== null) await print(`\nThere are more: add --cursor ${page.nextCursor}`)
}
