import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Milliseconds of the machine's monotonic clock, which all processes on it share. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const askTimeoutMs = 30_000

/**
 * Where a proof plays: a temporary directory and the processes that it started. Whatever way this process ends,
 * but by SIGKILL, they are ended by their ids and the directory is removed.
 */
export function openStage() {
  const directory = mkdtempSync(join(tmpdir(), 'postern-proof-'))
  // Postgres runs as another user where we are root, and must be able to pass through.
  chmodSync(directory, 0o711)
  const children = new Set()
  const mounts = new Set()
  let isClosed = false

  function close() {
    if (isClosed) return
    isClosed = true
    process.off('exit', close)
    for (const { child, signal } of children) child.kill(signal)
    for (const { child } of children) waitForEnd(child.pid)
    for (const mount of mounts) spawnSync('umount', [mount])
    rmSync(directory, { recursive: true, force: true })
  }
  process.on('exit', close)

  return {
    directory,
    close,
    /** Ends a process of another's making with this stage. */
    adopt(child, signal) {
      const entry = { child, signal }
      children.add(entry)
      child.once('exit', () => children.delete(entry))
    },
    /** Starts a Node program, asked by messages; what it writes on stderr goes into a file. */
    start(program, args, { name, env = {}, execArgv = [] }) {
      const logFile = join(directory, `${name}.log`)
      const log = openSync(logFile, 'a', 0o600)
      const child = fork(program, args, {
        execArgv,
        env: { PATH: process.env.PATH ?? '', ...env },
        stdio: ['ignore', 'pipe', log, 'ipc'],
      })
      this.adopt(child, 'SIGKILL')
      return { child, log: () => readFileSync(logFile, 'utf8') }
    },
    /** A file system in memory of so many bytes; null where this user may not mount one. */
    mountMemory(name, bytes) {
      const path = join(directory, name)
      const made = spawnSync('sh', [
        '-c',
        'mkdir -m 700 "$0" && mount -t tmpfs -o "size=$1,mode=700" tmpfs "$0"',
        path,
        String(bytes),
      ])
      if (made.status !== 0) return null
      mounts.add(path)
      return path
    },
  }
}

/** Sends a question and answers what comes back under `name`. */
export function ask(child, question, name) {
  if (child.connected) child.send(question, () => {})
  return answerOf(child, name)
}

/** The next message that holds `name`; fails where the process ends or takes too long. */
export function answerOf(child, name) {
  return new Promise((resolve, reject) => {
    if (!child.connected) return reject(new Error(`a process ended before it was asked for ${name}`))
    const timer = setTimeout(() => settle(reject, new Error(`no answer to ${name}`)), askTimeoutMs)
    const onMessage = (message) => {
      if (name in message) settle(resolve, message[name])
    }
    const onExit = () => settle(reject, new Error(`a process ended before it answered ${name}`))
    function settle(how, what) {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      how(what)
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}

/** Ends a process by a signal, or by SIGKILL where that takes too long; answers its exit code. */
export async function end(child, signal, timeoutMs = 20_000) {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = once(child, 'exit')
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = await ended
  clearTimeout(late)
  return code
}

/** Waits up to five seconds, without giving the event loop its turn: for the very end of this process. */
function waitForEnd(pid) {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let waits = 0; waits < 250 && isAlive(pid); waits++) Atomics.wait(pause, 0, 0, 20)
}

function isAlive(pid) {
  try {
    // What has ended and is not collected yet, since the event loop doesn't run, is as good as gone.
    if (process.platform === 'linux') return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
