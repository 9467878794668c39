// oxlint-disable-next-line triple-slash-reference -- ambient types reach a program by reference alone
/// <reference path="./untyped.d.ts" />
import split from 'split2'

export interface Stdio {
  /** Writes one message. */
  write(line: string): void
  /** Resolves once all that was written has left. */
  flushed(): Promise<void>
}

/** The longest message that a client may send, in characters: far above what any gateway takes. */
const longestLine = 64 * 1024 * 1024

/**
 * The client's side: lines in, lines out, and nothing else on stdout. `onEnd` says why no more comes: the client closed
 * its end, or doesn't read what it is told any more.
 */
export function openStdio(
  { stdin, stdout }: { stdin: NodeJS.ReadableStream; stdout: NodeJS.WritableStream },
  onLine: (line: string) => void,
  onEnd: (why: 'end' | 'unread') => void,
): Stdio {
  let isRead = true
  const unread = () => {
    isRead = false
    onEnd('unread')
  }
  // EPIPE above all; whatever it is, nobody can be told any more.
  stdout.on('error', unread)
  stdin.on('error', () => onEnd('end'))
  // By \n alone: what else some call line breaks (U+2028) may stand within JSON.
  const lines = split(/\r?\n/, onLine, { maxLength: longestLine })
  lines.on('error', unread)
  lines.on('end', () => onEnd('end'))
  stdin.pipe(lines).resume()

  return {
    write(line) {
      if (isRead) stdout.write(`${line}\n`)
    },
    flushed: () =>
      new Promise((resolve) => {
        if (isRead) stdout.write('', () => resolve())
        else resolve()
      }),
  }
}
