import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const answerTimeoutMs = 60_000

/** A Node program in a process of its own, that can be asked things and ends with the bench. */
export function startChild(path, { args = [], execArgv = [], env = process.env } = {}) {
  return fork(here(path), args, {
    execArgv: ['--import', here('children/probe.mjs'), ...execArgv],
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
}

export async function ask(child, question, answer) {
  // Where the process is gone, its exit says so.
  child.send(question, () => {})
  return (await answerOf(child, answer))[answer]
}

/** The next message that holds `name`; fails where the process ends or takes too long. */
export function answerOf(child, name) {
  return new Promise((resolve, reject) => {
    if (!child.connected) return reject(new Error(`a process ended before it was asked for ${name}`))
    const timer = setTimeout(() => settle(reject, new Error(`no answer to ${name}`)), answerTimeoutMs)
    const onMessage = (message) => {
      if (name in message) settle(resolve, message)
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

export async function stopChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}
