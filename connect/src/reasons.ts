/** Why something could not be done, each with its code for JSON-RPC and whether the program ends by it. */

export interface ReasonFacts {
  /** The JSON-RPC error code that the client gets; those of HTTP statuses as the gateway has them. */
  rpcCode: number
  /** The exit code where it ends the program at its start; 1 unless it is a wrong use, 2. */
  exitCode: 1 | 2
}

/** The one closed list. */
export const reasons = {
  // How the program was started.
  usage: { rpcCode: 40000, exitCode: 2 },
  url_refused: { rpcCode: 40000, exitCode: 2 },
  key_in_arguments: { rpcCode: 40000, exitCode: 2 },
  // The credential, before anything is sent.
  no_key: { rpcCode: 40100, exitCode: 2 },
  key_malformed: { rpcCode: 40101, exitCode: 2 },
  key_file_unsafe: { rpcCode: 40100, exitCode: 2 },
  key_file_unreadable: { rpcCode: 40100, exitCode: 2 },
  token_unavailable: { rpcCode: 50300, exitCode: 1 },
  // The way there.
  name_not_found: { rpcCode: 50200, exitCode: 1 },
  unreachable: { rpcCode: 50200, exitCode: 1 },
  tls_failed: { rpcCode: 50200, exitCode: 1 },
  proxy_failed: { rpcCode: 50200, exitCode: 1 },
  timed_out: { rpcCode: 50400, exitCode: 1 },
  broken_off: { rpcCode: 50200, exitCode: 1 },
  aborted: { rpcCode: 49900, exitCode: 1 },
  // The answer.
  redirected: { rpcCode: 50200, exitCode: 1 },
  not_mcp: { rpcCode: 50200, exitCode: 1 },
  captive_portal: { rpcCode: 50200, exitCode: 1 },
  refused_401: { rpcCode: 40101, exitCode: 1 },
  refused_403: { rpcCode: 40300, exitCode: 1 },
  refused_404: { rpcCode: 40400, exitCode: 1 },
  refused_429: { rpcCode: 42900, exitCode: 1 },
  refused_other: { rpcCode: 50200, exitCode: 1 },
  unavailable_503: { rpcCode: 50300, exitCode: 1 },
} as const satisfies Record<string, ReasonFacts>

export type Reason = keyof typeof reasons
