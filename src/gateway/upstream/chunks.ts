import { carriageReturn, lineFeed } from './head-fields.ts'

/** A chunked body up to its last chunk; the trailers are somebody else's. */
export interface Chunks {
  begin(): void
  /** Reads on from `at`; answers where it is, -1 where these are no chunks. */
  read(bytes: Buffer, at: number): number
  areOver(): boolean
}

/** Hexadecimal digits of a size, leading zeros included: what is more is no honest size. */
const sizeDigits = 12
/** Bytes of the extensions of one chunk, which nobody reads. */
const extensionLimitBytes = 1024

type State = 'size' | 'extension' | 'size_end' | 'data' | 'data_return' | 'data_end' | 'over'

/** Reads chunks (RFC 9112, 7.1): bare sizes in hexadecimal, CRLF and nothing else between them. */
export function createChunks(onBody: (bytes: Buffer, start: number, end: number) => void): Chunks {
  let state: State = 'size'
  let size = 0
  let digits = 0
  let extension = ''

  function startSize(): void {
    state = 'size'
    size = 0
    digits = 0
    extension = ''
  }

  function readSize(byte: number): boolean {
    const digit = hexadecimal[byte]!
    if (digit < 16) {
      size = size * 16 + digit
      return ++digits <= sizeDigits
    }
    if (digits === 0) return false
    if (byte === semicolon) state = 'extension'
    else if (byte === carriageReturn) state = 'size_end'
    else return false
    return true
  }

  function readExtension(byte: number): boolean {
    if (byte === carriageReturn) {
      state = 'size_end'
      return extensionPattern.test(extension)
    }
    extension += String.fromCharCode(byte)
    return extension.length <= extensionLimitBytes
  }

  /** One byte of the framing; false where it doesn't belong there. */
  function readFraming(byte: number): boolean {
    switch (state) {
      case 'size':
        return readSize(byte)
      case 'extension':
        return readExtension(byte)
      case 'size_end':
        state = size === 0 ? 'over' : 'data'
        return byte === lineFeed
      case 'data_return':
        state = 'data_end'
        return byte === carriageReturn
      case 'data_end':
        startSize()
        return byte === lineFeed
      case 'data':
      case 'over':
    }
    return false
  }

  return {
    begin: startSize,
    read(bytes, from) {
      let at = from
      while (at < bytes.length && state !== 'over') {
        if (state === 'data') {
          const end = Math.min(bytes.length, at + size)
          size -= end - at
          if (size === 0) state = 'data_return'
          onBody(bytes, at, end)
          at = end
        } else if (!readFraming(bytes[at++]!)) return -1
      }
      return at
    },
    areOver: () => state === 'over',
  }
}

const semicolon = 0x3b
const token = "[A-Za-z0-9!#$%&'*+\\-.^_`|~]+"
/** What stands behind the first semicolon. */
const extensionPattern = new RegExp(
  `^${token}(?:=(?:${token}|"[\\t !#-[\\]-~]*"))?(?:;${token}(?:=(?:${token}|"[\\t !#-[\\]-~]*"))?)*$`,
)

/** The value of each byte as a hexadecimal digit; 16 where it is none. */
const hexadecimal = Uint8Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte)
  return /[0-9A-Fa-f]/.test(text) ? parseInt(text, 16) : 16
})
