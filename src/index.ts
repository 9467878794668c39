/** The public face of Postern as a library. */
export { ConfigInvalid, defineConfig, parseConfig } from './config.ts'
export type { Config, Settings } from './config.ts'
export { loadConfig } from './config-file.ts'
export type { Allowed, CredentialKind, Principal, Reason, Refused, Verdict } from './domain/verdict.ts'
export { createPostern } from './postern.ts'
export type { Postern } from './postern.ts'
