import type { Chain, ChainHead } from '../domain/ports.ts'
import { rootOfRows, sealOf } from '../domain/seal.ts'

/**
 * The chains of seals that this run adds to: its own writer's, and those of others whose rows it finds in the spool.
 * What a chain ends with is read from the database when it is first needed, and kept.
 */
export function createChains(boot: string): (writer: string) => Chain {
  const chains = new Map<string, Chain>()
  return (writer) => {
    let chain = chains.get(writer)
    if (chain === undefined) {
      chain = createChain(writer, boot)
      chains.set(writer, chain)
    }
    return chain
  }
}

function createChain(writer: string, boot: string): Chain {
  let head: ChainHead | null = null
  return {
    writer,
    next(calls, ends) {
      if (head === null) return null
      if (calls.some((call) => call.writer !== writer)) throw new TypeError('a row of another writer')
      const batch = {
        writer,
        number: head.number + 1,
        boot,
        calls: calls.length,
        ends: ends.length,
        root: rootOfRows(calls, ends),
        previous: head.seal,
      }
      return { ...batch, seal: sealOf(batch) }
    },
    follow(known) {
      head = known
    },
  }
}
