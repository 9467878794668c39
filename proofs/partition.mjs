import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { openLink } from './stage/link.mjs'
import { query, startPostgres } from './stage/postgres.mjs'
import { quantile } from './stage/report.mjs'
import { nowMs, sleep } from './stage/stage.mjs'

const probeEveryMs = 8
/** A call that was sent in time may be at the backend this much later, on a machine that has other things to do. */
const wayMs = 500
/** How long to wait for a node to come back before its proof is over, in milliseconds. */
const patienceMs = 15_000
const hourMs = 3_600_000

const lease = 'verify/lease.js'
const ageLine = 'const ageMs = () => Math.max(clock.now() - sentWall, clock.monotonic() - sentMonotonic);'

export const partition = {
  title: 'a node that cannot reach its database, or lost its time (R2, T27)',
  limitSeconds: { short: 280, full: 1800 },
  faults: [
    {
      name: 'the lease is off',
      breaks: 'cut: accepted',
      scenes: ['cut'],
      patches: [
        {
          file: lease,
          line: 'const isFresh = () => refusing === null && ageMs() < leaseMs;',
          by: 'const isFresh = () => refusing === null;',
        },
      ],
    },
    {
      name: 'a poll counts from its answer',
      breaks: 'answers slowed: accepted',
      scenes: ['answers slowed'],
      patches: [{ file: lease, line: 'sentWall = wall;', by: 'sentWall = clock.now();' }].concat({
        file: lease,
        line: 'sentMonotonic = monotonic;',
        by: 'sentMonotonic = clock.monotonic();',
      }),
    },
    {
      name: 'the lease counts wall time only',
      breaks: 'clock set back: accepted',
      scenes: ['clock set back'],
      patches: [{ file: lease, line: ageLine, by: 'const ageMs = () => clock.now() - sentWall;' }],
    },
  ],

  async run({ stage, report, isFull, patches, isScene }) {
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const backend = await startBackend(stage)
    const link = await openLink(postgres.port)
    const gateway = await startGateway(stage, {
      name: 'node',
      backend,
      database: postgres.urlOf('proof', link.port),
      // Or the trail, which needs the database too, would refuse in the lease's place.
      settings: { trail: { mode: 'spool' } },
      patches,
    })
    const client = createClient({ port: gateway.port, connections: 400 })

    /** The backends of the gateway's connections, that of its polls first. */
    async function backendsOf() {
      const rows = await query(
        database,
        `SELECT pid FROM pg_stat_activity WHERE client_port = ANY ($1) ORDER BY query LIKE '%change_epoch%' DESC`,
        [link.ports()],
      )
      return rows.map(({ pid }) => pid)
    }

    const faultMs = isFull ? 4000 : 2200
    /** `isBlind`: no poll can succeed, so that nothing at all may be accepted beyond a second. */
    const scenes = {
      cut: { isBlind: true, begin: () => link.cut(), end: () => link.heal() },
      stalled: { isBlind: true, begin: () => link.stall(), end: () => link.heal() },
      // Once each poll takes that long, changes come while one is under way: some soon after it was sent, when
      // a node that trusts it for too long accepts most, some late, wherever the first of them falls.
      'answers slowed': {
        begin: () => link.slow(0, 850),
        end: () => link.heal(),
        revokedAfterMs: [1500, 1730, 1960, 2190],
      },
      'both ways slowed': { isBlind: true, begin: () => link.slow(1500, 1500), end: () => link.heal() },
      'poll stopped': {
        async begin() {
          const [pid] = await backendsOf()
          process.kill(pid, 'SIGSTOP')
          this.pid = pid
        },
        end() {
          process.kill(this.pid, 'SIGCONT')
        },
        // It takes another connection before this one goes on.
        healsItself: true,
      },
      'connections terminated': {
        begin: async () => {
          const pids = await backendsOf()
          await query(database, 'SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) pid', [pids])
        },
        end() {},
        healsItself: true,
      },
      'database restarted': {
        isBlind: true,
        begin: () => postgres.kill(),
        end: () => postgres.start(),
      },
      'clock set back': {
        isBlind: true,
        begin: async () => {
          link.cut()
          await gateway.shiftClock(-hourMs)
        },
        end: async () => {
          await gateway.shiftClock(hourMs)
          link.heal()
        },
      },
      'clock set forward': {
        begin: () => gateway.shiftClock(hourMs),
        end: () => gateway.shiftClock(-hourMs),
        healsItself: true,
      },
      paused: {
        isBlind: true,
        begin: () => gateway.signal('SIGSTOP'),
        end: () => gateway.signal('SIGCONT'),
      },
    }

    const rounds = isFull ? 10 : 1
    /** Calls that must not have been accepted where they were sent within these bounds. */
    const judged = []
    const outcomes = []
    let number = 0

    /** Probes with one key until told to stop; answers the calls. */
    function probe(key, name) {
      let isOver = false
      const underWay = []
      const done = (async () => {
        while (!isOver) {
          const id = `${name}-${++number}`
          underWay.push(client.call(callText(key.token, id)).then((answer) => ({ ...answer, id })))
          await sleep(probeEveryMs)
        }
        return await Promise.all(underWay)
      })()
      return {
        done,
        stop() {
          isOver = true
          return done
        },
      }
    }

    async function isAccepted(key) {
      return (await client.call(callText(key.token, `ask-${++number}`))).status === 200
    }

    async function untilAccepted(key, from) {
      while (nowMs() < from + patienceMs) {
        const { status, headAt } = await client.call(callText(key.token, `back-${++number}`))
        if (status === 200) return headAt - from
        await sleep(5)
      }
      return Infinity
    }

    for (const [name, scene] of Object.entries(scenes)) {
      if (!isScene(name)) continue
      let revokedAccepted = 0
      const backMs = []
      for (let round = 0; round < rounds; round++) {
        const { revokedAfterMs = [0] } = scene
        const [good, ...doomed] = await admin.issueMany(1 + revokedAfterMs.length)
        for (const key of [good, ...doomed]) while (!(await isAccepted(key))) await sleep(50)
        const goodProbe = probe(good, 'good')
        const doomedProbes = doomed.map((key, index) => probe(key, `doomed-${index}`))
        await sleep(150 + Math.random() * 200)
        // A database that is to go away has to be told before; the node learns of it, or doesn't any more.
        const isTold = name === 'database restarted'
        const revokedAt = []
        const revoke = async (key) => {
          await admin.revoke(key)
          revokedAt.push(nowMs())
        }
        if (isTold) await revoke(doomed[0])
        await scene.begin()
        const begunAt = nowMs()
        if (!isTold) {
          for (const [index, key] of doomed.entries()) {
            await sleep(begunAt + revokedAfterMs[index] - nowMs())
            await revoke(key)
          }
        }
        await sleep(Math.max(begunAt, ...revokedAt) + faultMs - nowMs())
        // A node that gets over it by itself has to be back before the end.
        const before = scene.healsItself ? await untilAccepted(good, nowMs()) : null
        const endAt = nowMs()
        await scene.end()
        const back = before ?? (await untilAccepted(good, nowMs()))
        await sleep(300)
        const goodCalls = await goodProbe.stop()
        backMs.push(scene.healsItself && back < Infinity ? longestGap(goodCalls, begunAt) : back)
        for (const [index, { stop }] of doomedProbes.entries())
          for (const call of await stop())
            judged.push({ name, ...call, from: revokedAt[index] + 1000, to: Infinity })
        if (scene.isBlind)
          for (const call of goodCalls) judged.push({ name, ...call, from: begunAt + 1000, to: endAt })
        for (const key of doomed) if (await isAccepted(key)) revokedAccepted++
      }
      outcomes.push({ name, revokedAccepted, backMs })
    }

    const received = new Map(backend.received().map((each) => [each.name, each.at]))
    // A call that waits at a stopped node may well be served once that goes on, and knows what it has to.
    const isWrong = ({ id, sentAt, from, to }) => sentAt > from && received.has(id) && received.get(id) < to
    for (const { name, revokedAccepted, backMs } of outcomes) {
      const beyond = judged.filter((each) => each.name === name && isWrong(each)).length + revokedAccepted
      report.none(`${name}: accepted beyond a second`, beyond)
      report.none(
        `${name}: not back within ${patienceMs / 1000} s`,
        backMs.filter((ms) => ms === Infinity).length,
      )
      report.time(`${name}: back after`, quantile(backMs, 1), 'ms', 2000)
    }
    const receivedLate = judged.filter(
      ({ id, from, to }) => to === Infinity && (received.get(id) ?? 0) > from + wayMs,
    ).length
    report.none('received by the backend beyond a second', receivedLate)
    report.note('calls', number)
    client.close()
    link.close()
    await admin.close()
  },
}

/** The longest time between calls that were accepted, of those sent since an instant. */
function longestGap(calls, since) {
  const sent = calls
    .filter(({ status, sentAt }) => status === 200 && sentAt >= since)
    .map(({ sentAt }) => sentAt)
  return Math.max(...sent.map((at, index) => at - (sent[index - 1] ?? since)))
}
