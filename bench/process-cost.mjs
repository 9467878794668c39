import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { check } from './measure.mjs'

/**
 * The CPU time so far of all threads of some processes and of their children, in nanoseconds, by thread.
 *
 * From `/proc/PID/task/TID/schedstat`, since it is the same for Node, nginx and Caddy, is exact where a process
 * sleeps, and needs nothing within it. `/proc/PID/stat` keeps the time of threads that have ended as well, but counts
 * in steps of 10 ms: as much as 500 requests of nginx. So none may end between two readings, and
 * {@link cpuMicrosBetween} fails where one did; Node's, nginx's and Caddy's stay.
 */
export function cpuTimesOf(pids) {
  check(existsSync('/proc/self/schedstat'), 'CPU time is read from /proc/PID/schedstat, which only Linux has')
  const times = new Map()
  for (const pid of withChildren(pids)) {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const text = textOf(`/proc/${pid}/task/${tid}/schedstat`)
      if (text !== null) times.set(`${pid}/${tid}`, Number(text.split(' ')[0]))
    }
  }
  return times
}

/** Microseconds between two readings. */
export function cpuMicrosBetween(before, after) {
  for (const thread of before.keys())
    check(after.has(thread), `the thread ${thread} ended, and its CPU time with it`)
  let nanoseconds = 0
  for (const [thread, time] of after) nanoseconds += time - (before.get(thread) ?? 0)
  return nanoseconds / 1000
}

/** The most memory that each of them ever held, added up, in MiB; what two of them share counts twice. */
export function peakMemoryMiB(pids) {
  let kibibytes = 0
  for (const pid of withChildren(pids)) {
    kibibytes += Number(/^VmHWM:\s*([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1])
  }
  return kibibytes / 1024
}

function withChildren(pids) {
  return pids.flatMap((pid) => {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      (textOf(`/proc/${pid}/task/${tid}/children`) ?? '').split(' ').filter((each) => each !== ''),
    )
    return [pid, ...withChildren(children)]
  })
}

/** Null where the thread ended meanwhile. */
function textOf(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
