import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { startBackend } from './stage/backend.mjs'
import { callText, createClient } from './stage/client.mjs'
import { startGateway } from './stage/gateway.mjs'
import { openInstance } from './stage/instance.mjs'
import { openLink } from './stage/link.mjs'
import { query, startPostgres } from './stage/postgres.mjs'
import { nowMs, sleep } from './stage/stage.mjs'

const callers = 12
const diskBytes = 2 * 1024 * 1024
const patienceMs = 30_000

export const outage = {
  title: 'database or trail away, slow, and a full disk, in each mode of the trail (R4, T35)',
  limitSeconds: { short: 280, full: 1800 },
  faults: [
    {
      name: 'nothing is written to the spool',
      breaks: 'trail away, spool, kill -9: answered',
      scenes: ['trail away, spool, kill -9'],
      patches: [{ file: 'audit/spool.js', line: 'write(segment, bytes);', by: ';' }],
    },
    {
      name: 'calls go on though the disk is full',
      breaks: 'disk full, spool, kill -9: received',
      scenes: ['disk full, spool, kill -9'],
      patches: [
        {
          file: 'audit/spool.js',
          line: 'write(segment, bytes);',
          by: 'try { write(segment, bytes); } catch {}',
        },
      ],
    },
    {
      name: 'the answer says "try again" after the dispatch',
      breaks: 'trail away, strict: answered by 503',
      scenes: ['trail away, strict'],
      patches: [
        {
          file: 'gateway/exchange.js',
          line: "this.forwarding.refuse('executed_unrecorded');",
          by: "this.forwarding.refuse('trail_unavailable');",
          times: 2,
        },
      ],
    },
  ],

  async run({ stage, report, isFull, patches, isScene }) {
    const postgres = await startPostgres(stage)
    const database = await postgres.createDatabase('proof')
    const admin = await openInstance(stage, { database })
    const key = await admin.issue()
    const backend = await startBackend(stage)
    const link = await openLink(postgres.port)
    const away = { begin: () => link.cut(), end: () => link.heal() }
    const trailAway = lockedTrail(database)
    const disk = filledDisk(stage)
    const scenes = {
      'database away, strict': { ...away },
      'database away, spool, kill -9': { ...away, mode: 'spool', isKilled: true, shortMs: 3500 },
      'database killed, strict': { begin: () => postgres.kill(), end: () => postgres.start() },
      'database slow, strict': { begin: () => link.slow(150, 150), end: () => link.heal(), shortMs: 3500 },
      'trail away, strict': { ...trailAway },
      'trail away, spool': { ...trailAway, mode: 'spool', answersMeanwhile: true, shortMs: 4500 },
      'trail away, spool, kill -9': {
        ...trailAway,
        mode: 'spool',
        isKilled: true,
        answersMeanwhile: true,
        shortMs: 4500,
      },
      'disk full, strict': { ...disk, shortMs: 2500 },
      'disk full, spool, kill -9': {
        ...trailAway,
        mode: 'spool',
        isKilled: true,
        onSmallDisk: true,
        shortMs: 5000,
        leavesBytes: 128 * 1024,
        beforeRestart: () => disk.end(),
      },
    }

    let number = 0
    for (const [name, scene] of Object.entries(scenes)) {
      if (!isScene(name)) continue
      if (scene.onSmallDisk === true && disk.path() === null) {
        report.note(`${name}: skipped, since this user may not mount a file system`, 0)
        continue
      }
      await playScene(name, scene, `${number++}`)
    }
    link.close()
    await admin.close()

    async function playScene(name, scene, prefix) {
      const start = () =>
        startGateway(stage, {
          name: `gateway-${prefix}`,
          backend,
          database: postgres.urlOf('proof', link.port),
          settings: { trail: { mode: scene.mode ?? 'strict' } },
          ...(scene.onSmallDisk === true ? { dataDir: join(disk.path(), `data-${prefix}`) } : {}),
          patches,
        })
      let gateway = await start()
      let client = createClient({ port: gateway.port, connections: callers })
      const calls = []
      let isOver = false
      let isDown = false
      const load = Array.from({ length: callers }, async () => {
        while (!isOver) {
          if (!isDown) {
            const tool = `${prefix}-${calls.length}`
            const call = { tool, status: 0, headAt: Infinity }
            calls.push(call)
            Object.assign(call, await client.call(callText(key.token, tool)))
          }
          // So that the disk is filled within the scene, and the machine not used up.
          await sleep(4)
        }
      })
      const accepted = (since) =>
        calls.filter(({ status, sentAt }) => status === 200 && sentAt >= since).length
      const untilAccepted = async () => {
        const from = nowMs()
        while (accepted(from) < 20) {
          if (nowMs() > from + patienceMs) return Infinity
          await sleep(20)
        }
        return nowMs() - from
      }

      await untilAccepted()
      const begunAt = nowMs()
      // The disk is nearly full before, so that the spool fills it within the scene.
      if (scene.leavesBytes !== undefined) disk.begin(scene.leavesBytes)
      await scene.begin()
      await sleep(isFull ? 60_000 : (scene.shortMs ?? 6500))
      const duringCount = calls.filter(
        ({ status, headAt }) => status === 200 && headAt > begunAt + 2500,
      ).length
      const refusedCount = calls.filter(({ status, sentAt }) => status === 503 && sentAt > begunAt).length
      if (scene.isKilled === true) {
        isDown = true
        await gateway.end('SIGKILL')
        client.close()
      }
      await scene.end()
      if (scene.isKilled === true) {
        await scene.beforeRestart?.()
        gateway = await start()
        client = createClient({ port: gateway.port, connections: callers })
        isDown = false
      }
      const backMs = await untilAccepted()
      isOver = true
      await Promise.all(load)
      client.close()
      const code = await gateway.end('SIGTERM')

      const rows = await query(
        database,
        `SELECT tool, count(*)::integer AS count FROM postern.trail WHERE tool LIKE $1 GROUP BY tool`,
        [`${prefix}-%`],
      )
      const times = new Map(rows.map(({ tool, count }) => [tool, count]))
      const received = new Set(backend.received().map((each) => each.name))
      const ran = calls.filter(({ tool }) => received.has(tool))
      report.atLeast(`${name}: received by the backend`, ran.length, 20)
      report.none(`${name}: received, not in the trail`, ran.filter(({ tool }) => !times.has(tool)).length)
      report.none(
        `${name}: answered, not in the trail`,
        calls.filter(({ status, tool }) => status === 200 && !times.has(tool)).length,
      )
      report.none(`${name}: in the trail twice`, [...times.values()].filter((count) => count > 1).length)
      report.none(
        `${name}: answered by 503 after the dispatch`,
        ran.filter(({ status }) => status === 503).length,
      )
      if (scene.answersMeanwhile === true) report.atLeast(`${name}: answered meanwhile`, duringCount, 20)
      else
        report.atLeast(
          `${name}: refused meanwhile`,
          refusedCount,
          scene === scenes['database slow, strict'] ? 0 : 20,
        )
      report.none(`${name}: exit code at the end`, code)
      report.atMost(`${name}: served again after`, backMs, patienceMs, 'ms')
    }
  },
}

/** The trail's table alone can't be written to: another holds it. */
function lockedTrail(database) {
  let client = null
  return {
    async begin() {
      client = new pg.Client({ connectionString: database })
      await client.connect()
      await client.query('BEGIN')
      await client.query('LOCK TABLE postern.trail_calls IN ACCESS EXCLUSIVE MODE')
    },
    async end() {
      await client.query('ROLLBACK')
      await client.end()
    },
  }
}

/** A small file system in memory; null where this user may not mount one. Begun, it is filled to the last byte. */
function filledDisk(stage) {
  let mounted
  const path = () => (mounted === undefined ? (mounted = stage.mountMemory('disk', diskBytes)) : mounted)
  const filler = () => join(path(), 'filler')
  return {
    onSmallDisk: true,
    path,
    begin(leavesBytes = 0) {
      const piece = Buffer.alloc(4096)
      let bytes = 0
      try {
        for (; ; bytes += piece.length) writeFileSync(filler(), piece, { flag: 'a' })
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error
      }
      if (leavesBytes > 0) truncateSync(filler(), bytes - leavesBytes)
    },
    end() {
      rmSync(filler(), { force: true })
    },
  }
}
