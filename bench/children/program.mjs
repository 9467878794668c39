// Runs a program that is not Node's, in a group of processes of its own, and ends all of it when this process is ended
// or the bench is gone (probe.mjs). Where it does not end by itself, it is killed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const patienceMs = 5_000
const [command, ...args] = process.argv.slice(2)
const program = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
program.once('spawn', () => process.send({ started: { pid: program.pid } }))
program.once('error', ({ code, message }) => process.send({ started: { error: code ?? message } }))
program.once('exit', (code) => process.exit(code ?? 1))

createInterface({ input: program.stderr }).on('line', (line) => {
  // Caddy says so before it has read which level to log.
  if (!line.includes('"level":"info"')) console.error(line)
})

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, () => {
    const { pid } = program
    if (pid === undefined) process.exit(1)
    program.kill('SIGTERM')
    setTimeout(() => process.kill(-pid, 'SIGKILL'), patienceMs)
  })
}
