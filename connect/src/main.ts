import manifest from '../package.json' with { type: 'json' }
import { createBridge } from './bridge/bridge.ts'
import { createLogMessages } from './bridge/logging.ts'
import { failureFrom } from './bridge/post.ts'
import { help, readCommandLine } from './command-line.ts'
import type { BridgeFailure, ConnectOptions } from './contracts.ts'
import { openCredential } from './credential/open.ts'
import { createSender } from './outbound/send.ts'
import { errorText, readMessages } from './protocol/message.ts'
import { reasons } from './reasons.ts'
import { openStdio } from './stdio.ts'
import type { Stdio } from './stdio.ts'

/** `postern-connect`: ends the process by its exit code. */

/** How long answers that are under way are waited for once the client closed its end: SDKs kill after two seconds. */
const endGraceMs = 1500

interface Served {
  receive(line: string): void
  end(graceMs: number): Promise<void>
}

async function main(): Promise<void> {
  // Nobody is left to be told where stderr is closed.
  process.stderr.on('error', () => {})
  const given = process.argv.slice(2)
  try {
    const command = readCommandLine(given)
    if (command.kind === 'help') process.stdout.write(help)
    else if (command.kind === 'version') process.stdout.write(`${manifest.version}\n`)
    else if (command.kind === 'check') process.exitCode = await runCheck(command.options)
    else await serve((stdio) => openBridge(command.options, stdio))
  } catch (error) {
    const failure = failureFrom(error)
    // A person asked, and no client waits for messages.
    if (given[0] === 'check') {
      toStderr(`postern-connect: ${failure.message}`)
      process.exitCode = reasons[failure.reason].exitCode
    } else await serve(() => Promise.reject(failure))
  }
}

/** Reads from the client until it closes its end, whatever comes of `open`. */
async function serve(open: (stdio: Stdio) => Promise<Served>): Promise<void> {
  /** What the client says before there is somebody to take it. */
  const early: string[] = []
  let served: Served = { receive: (line) => void early.push(line), end: () => Promise.resolve() }
  let code = 0
  let ended = (_graceMs: number) => {}
  const graceMs = new Promise<number>((resolve) => {
    ended = resolve
  })
  const stdio = openStdio(
    process,
    (line) => served.receive(line),
    (why) => ended(why === 'end' ? endGraceMs : 0),
  )
  // Windows has no SIGTERM of its own: there a client closes stdin, or ends the process at once.
  for (const [signal, exitCode] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const])
    process.on(signal, () => {
      // Once more, while it still finishes: at once.
      if (code === exitCode) process.exit(code)
      code = exitCode
      ended(0)
    })

  try {
    served = await open(stdio)
  } catch (error) {
    const failure = failureFrom(error)
    toStderr(`postern-connect: ${failure.message}`)
    code = reasons[failure.reason].exitCode
    if (process.stdin.isTTY) process.exit(code)
    served = refusing(failure, stdio)
  }
  for (const line of early) served.receive(line)
  await served.end(await graceMs)
  await stdio.flushed()
  process.exit(code)
}

async function openBridge(options: ConnectOptions, { write }: Stdio): Promise<Served> {
  const log = createLogMessages({ stderr: toStderr, client: write })
  const { send, close } = createSender(process.env)
  const credential = await openCredential(options, {
    send,
    tell: log.tell,
    environment: process.env,
    now: Date.now,
  })
  const { url } = options
  const bridge = createBridge({ url, send, credential, log, write, version: manifest.version })
  return {
    receive: bridge.receive,
    async end(graceMs) {
      await bridge.end(graceMs)
      close()
    },
  }
}

/** Tells the client what is wrong by an error to each of its requests, for as long as it is there. */
function refusing({ reason, message }: BridgeFailure, { write }: Stdio): Served {
  return {
    receive(line) {
      const reading = readMessages(line)
      for (const { kind, id } of typeof reading === 'number' ? [] : reading.messages)
        if (kind === 'request') write(errorText(id, reasons[reason].rpcCode, message, { reason }))
    },
    end: () => Promise.resolve(),
  }
}

async function runCheck(options: ConnectOptions & { isJson: boolean }): Promise<number> {
  const { check } = await import('./check/check.ts')
  const { send, close } = createSender(process.env)
  try {
    const around = { send, tell: () => {}, environment: process.env, now: Date.now }
    return await check(options, around, (line) => void process.stdout.write(`${line}\n`))
  } finally {
    close()
  }
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}

await main()
