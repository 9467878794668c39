/** What a check found, and, unless all is well, what to do. */
export interface Finding {
  check: string
  level: 'ok' | 'warning' | 'error'
  message: string
}
