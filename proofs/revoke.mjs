import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { openLink } from './stage/link.mjs'
import { startPostgres } from './stage/postgres.mjs'
import { quantile } from './stage/report.mjs'
import { nowMs, sleep } from './stage/stage.mjs'

const nodeCount = 5
const probeEveryMs = 30
/** Two cores carry five nodes, a database, the backend and the load: so many keys are probed at a time. */
const keysAtOnce = 5
const probeBeforeMs = 120
const refusalsToBeSure = 3
/** Each key is tried again on each node this long after its revocation, in milliseconds. */
const lateProbesMs = [1010, 1500, 3000]
/** A call that was sent in time may be at the backend this much later, on a machine that has other things to do. */
const wayMs = 500

/** Two nodes' lookups are held up for up to 300 ms, so that revocations overtake them; polls are not. */
const heldNodes = [2, 4]
const heldLookups = {
  file: 'store/queries/lookups.js',
  line: 'const rows = await database.read(lookupStatement, [bytesArray(digests)]);',
  by: `const rows = await database.read(lookupStatement, [bytesArray(digests)]);
       if (Math.random() < 0.4) await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));`,
}

export const revoke = {
  title: `revocations on ${nodeCount} nodes under load (R1, T29)`,
  limitSeconds: { short: 280, full: 3000 },
  faults: [
    {
      name: 'lookups that are older than the applied epoch are kept',
      breaks: 'accepted later than 1 s',
      patches: [
        {
          file: 'verify/key-reader.js',
          line: 'const stale = epoch < lease.epoch();',
          by: 'const stale = false;',
        },
      ],
    },
    {
      name: 'the cache is not told of changes',
      breaks: 'accepted later than 1 s',
      patches: [{ file: 'verify/lease.js', line: 'options.onChanges(changes);', by: ';' }],
    },
    {
      name: 'key and lease are not judged again before the dispatch',
      breaks: 'slow bodies accepted',
      patches: [
        {
          file: 'front/admission.js',
          line: 'const judged = unsafe ?? judgeAgain(verdict);',
          by: 'const judged = unsafe;',
        },
      ],
    },
  ],

  async run({ stage, report, isFull, patches }) {
    const revocations = isFull ? 10_000 : patches.length > 0 ? 40 : 120
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const keys = await admin.issueMany(revocations)
    const steadyKeys = await admin.issueMany(nodeCount)
    const backend = await startBackend(stage)
    // The fourth node is far from its database; the lookups of the fifth and the third are held up.
    const link = await openLink(postgres.port)
    link.slow(20, 20)
    const nodes = []
    for (let node = 0; node < nodeCount; node++) {
      const gateway = await startGateway(stage, {
        name: `node-${node + 1}`,
        backend,
        database: node === 3 ? postgres.urlOf('proof', link.port) : database,
        patches: heldNodes.includes(node) ? [...patches, heldLookups] : patches,
      })
      const client = createClient({ port: gateway.port, connections: 64 })
      nodes.push({ gateway, client })
    }

    let isOver = false
    const steady = { accepted: 0, refused: 0, unavailable: 0 }
    const load = nodes.map(async ({ client }, node) => {
      const text = callText(steadyKeys[node].token, 'steady')
      while (!isOver) {
        const { status } = await client.call(text)
        if (status === 200) steady.accepted++
        else if (status === 401) steady.refused++
        else steady.unavailable++
        await sleep(20)
      }
    })

    const revokedAt = new Map()
    const lastRefusedMs = []
    const lastRefusalMs = []
    let later = 0
    let unrefused = 0
    let slowBodies = 0
    let slowBodiesAccepted = 0

    async function revokeOne(key, number) {
      let committedAt = Infinity
      /** Probes one node until it refuses what is sent; answers when the last accepted and the first refused were sent. */
      async function probe({ client }, node) {
        const text = callText(key.token, `${number}-${node}`)
        const underWay = []
        let refusals = 0
        const giveUpAt = nowMs() + 6000
        // On two nodes it is first seen just before or after its revocation.
        await sleep(heldNodes.includes(node) ? Math.random() * probeBeforeMs : 0)
        while (refusals < refusalsToBeSure && nowMs() < giveUpAt) {
          const one = client.call(text).then((answer) => {
            if (answer.status === 401 && answer.sentAt > committedAt) refusals++
            return answer
          })
          underWay.push(one)
          await sleep(probeEveryMs)
        }
        const answers = (await Promise.all(underWay)).toSorted((a, b) => a.sentAt - b.sentAt)
        const lastAccept = answers.findLast(({ status }) => status === 200)?.sentAt ?? -Infinity
        const refused = answers.find(({ status, sentAt }) => status === 401 && sentAt > lastAccept)
        return { lastAccept, refusedAt: refused?.sentAt ?? Infinity, toldAt: refused?.headAt ?? Infinity }
      }

      const probes = nodes.map(probe)
      let release
      const released = new Promise((resolve) => (release = resolve))
      const slow = number % 5 === 0 ? nodes[number % nodeCount] : null
      const slowly = slow?.client.callInParts(callText(key.token, `${number}-slow`), released) ?? null
      await sleep(probeBeforeMs)
      await admin.revoke(key)
      const at = nowMs()
      committedAt = at
      revokedAt.set(String(number), at)
      const found = await Promise.all(probes)
      // Where lookups are held up, answers are late; what was accepted there the backend tells.
      const plain = found.filter((_, node) => !heldNodes.includes(node))
      lastRefusedMs.push(Math.max(...plain.map(({ refusedAt }) => refusedAt - at)))
      lastRefusalMs.push(Math.max(...plain.map(({ toldAt }) => toldAt - at)))
      unrefused += found.filter(({ refusedAt }) => refusedAt === Infinity).length
      later += found.filter(({ lastAccept }) => lastAccept > at + 1000).length
      return () => probeLate(key, number, { at, slowly, release })
    }

    async function probeLate(key, number, { at, slowly, release }) {
      for (const afterMs of lateProbesMs) {
        await sleep(Math.max(0, at + afterMs - nowMs()))
        const answers = await Promise.all(
          nodes.map(({ client }, node) => client.call(callText(key.token, `${number}-${node}-late`))),
        )
        later += answers.filter(({ status }) => status === 200).length
        if (afterMs === lateProbesMs[1] && slowly !== null) {
          release()
          slowBodies++
          if ((await slowly).status === 200) slowBodiesAccepted++
        }
      }
    }

    const started = nowMs()
    const late = []
    let number = 0
    await Promise.all(
      Array.from({ length: keysAtOnce }, async (_, index) => {
        await sleep(index * 60)
        while (number < revocations) {
          const probeAgain = await revokeOne(keys[number], number++)
          late.push(probeAgain())
        }
      }),
    )
    await Promise.all(late)
    const seconds = (nowMs() - started) / 1000
    isOver = true
    await Promise.all(load)

    const received = backend.received()
    const lastReceived = new Map()
    let receivedLater = 0
    for (const { at, name } of received) {
      const number = name.split('-', 1)[0]
      const afterMs = at - (revokedAt.get(number) ?? Infinity)
      if (afterMs > 1000 + wayMs) receivedLater++
      if (number !== 'steady') lastReceived.set(number, Math.max(afterMs, lastReceived.get(number) ?? 0))
    }
    const lastReceivedMs = [...lastReceived.values()]
    report.note('revocations', revocations)
    report.note('calls', received.length)
    report.note('load', revocations / seconds, 'revocations/s')
    report.none('accepted later than 1 s after the commit', later)
    report.none('received by the backend later than that', receivedLater)
    report.none('never refused within 6 s', unrefused)
    report.note('bodies on their way for 1.5 s around a revocation', slowBodies)
    report.none('slow bodies accepted', slowBodiesAccepted)
    report.atLeast('calls with good keys accepted meanwhile', steady.accepted, 100)
    report.none('calls with good keys refused as revoked', steady.refused)
    report.note('calls with good keys answered by 503', steady.unavailable)
    report.note(
      'last call at the backend after the commit, five nodes, p50',
      quantile(lastReceivedMs, 0.5),
      'ms',
    )
    report.time(
      'last call at the backend after the commit, five nodes, p99',
      quantile(lastReceivedMs, 0.99),
      'ms',
      300,
    )
    report.time(
      'last call at the backend after the commit, five nodes, most',
      quantile(lastReceivedMs, 1),
      'ms',
      1000,
    )
    // The answer itself waits for the row of the denial, over a link of 40 ms on the far node.
    const refused = 'first refused call on the last of the undisturbed nodes'
    report.note(`${refused}, sent, p50`, quantile(lastRefusedMs, 0.5), 'ms')
    report.time(`${refused}, sent, p99`, quantile(lastRefusedMs, 0.99), 'ms', 300)
    report.time(`${refused}, sent, most`, quantile(lastRefusedMs, 1), 'ms', 1000)
    report.note(`${refused}, answered, p50`, quantile(lastRefusalMs, 0.5), 'ms')
    report.note(`${refused}, answered, p99`, quantile(lastRefusalMs, 0.99), 'ms')
    for (const { client } of nodes) client.close()
    link.close()
    await admin.close()
  },
}
