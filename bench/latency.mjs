import { figure, rounds } from './measure.mjs'
import { setScene } from './scene.mjs'

const countedRounds = 7
const answerAfterMs = 5
const perSecond = 500
const requestsARound = 1_500
const warmUpRequests = 3_000

/** What the gateway with all on adds to the time of a call, at a constant rate that leaves it room. */
export async function benchLatency({ postgres, directory }) {
  const scene = await setScene({ postgres, directory, name: 'latency', answerAfterMs })
  try {
    const results = { direct: [], ours: [] }
    await scene.measure(scene.gateway, warmUpRequests)
    for (const round of rounds(countedRounds)) {
      for (const [name, target] of [
        ['direct', scene.upstream],
        ['ours', scene.gateway],
      ]) {
        const paced = await scene.pace(target, requestsARound, perSecond)
        if (round > 0) results[name].push(paced)
      }
    }
    await scene.checkTrail()
    const { direct, ours } = results
    const of = (all, percentile) => all.map((each) => each[percentile])
    const added = (percentile) => ours.map((each, round) => each[percentile] - direct[round][percentile])
    return [
      figure('straight to the backend, 500 calls a second', 'ms, p50', of(direct, 'p50Ms')),
      figure('straight to the backend, 500 calls a second', 'ms, p99', of(direct, 'p99Ms')),
      figure('gateway, all on, 500 calls a second', 'ms, p50', of(ours, 'p50Ms')),
      figure('gateway, all on, 500 calls a second', 'ms, p99', of(ours, 'p99Ms')),
      figure('added by the gateway', 'ms, p50', added('p50Ms'), { atMost: 1 }),
      figure('added by the gateway', 'ms, p99', added('p99Ms'), { atMost: 5 }),
    ]
  } finally {
    await scene.end()
  }
}
