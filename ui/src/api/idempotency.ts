/** The Idempotency-Keys of one form. */
export interface SubmitKeys {
  /** The key for this input: the same as before while it is the same and wasn't done. */
  keyFor(input: unknown): string
  /** The server said that it was done: the same input again is another submit. */
  done(): void
}

/** One key per submit, kept for its retries. */
export function createSubmitKeys(newKey: () => string = newIdempotencyKey): SubmitKeys {
  let attempt: { input: string; key: string } | null = null
  return {
    keyFor(input) {
      const text = JSON.stringify(input) ?? ''
      if (attempt?.input !== text) attempt = { input: text, key: newKey() }
      return attempt.key
    },
    done() {
      attempt = null
    },
  }
}

/** 128 random bits. (`randomUUID` is missing where the page isn't served by TLS.) */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
