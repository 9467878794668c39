import { startContenders } from './contenders.mjs'
import { check, figure, ratio, rounds } from './measure.mjs'
import { toolsCall, toolsList } from './mcp-request.mjs'
import { startBareProxy } from './processes.mjs'
import { startNginx } from './proxies.mjs'
import { setScene } from './scene.mjs'

const countedRounds = 9
const ours = 'gateway, all on'
/** By what comes back; `isLimited` is asked with the key that may call a fifth of the tools. */
const answers = {
  'tools/list of 50': { call: toolsList(), isLimited: true, requests: 3_000, warmUp: 9_000 },
  '100 kB result': { call: toolsCall('large_report'), requests: 2_000, warmUp: 6_000 },
  'stream of 20 events': { call: toolsCall('slow_report'), requests: 1_000, warmUp: 3_000 },
}

/** CPU per request for answers that have to be filtered, are too long to be held, or come bit by bit. */
export async function benchAnswers({ postgres, directory }) {
  const scene = await setScene({ postgres, directory, name: 'answers' })
  let contenders
  try {
    const { upstream, gateway } = scene
    contenders = await startContenders({
      'bare undici proxy': () => startBareProxy(upstream.port),
      'nginx proxy_pass': () => startNginx({ directory, name: 'nginx-answers', upstreamPort: upstream.port }),
      // It has to be ended before its trail is read.
      [ours]: () => gateway,
    })
    const { started } = contenders
    const tasks = []
    for (const [kind, answer] of Object.entries(answers)) {
      for (const [name, contender] of Object.entries(started)) {
        const what = { call: answer.call, token: answer.isLimited ? scene.keys.some : scene.keys.all }
        const text = await scene.answerOf(contender, what)
        checkAnswer(kind, text, name === ours)
        what.leastBytes = Buffer.byteLength(text)
        tasks.push({ kind, name, contender, what, answer, micros: [] })
      }
    }
    for (const round of rounds(countedRounds)) {
      for (const { contender, what, answer, micros } of tasks) {
        const count = round === 0 ? answer.warmUp : answer.requests
        const { cpuMicros } = await scene.measure(contender, count, what)
        if (round > 0) micros.push(cpuMicros)
      }
    }
    await gateway.stop()
    await scene.checkTrail()
    return Object.keys(answers).flatMap((kind) =>
      report(
        kind,
        tasks.filter((task) => task.kind === kind),
      ),
    )
  } finally {
    await contenders?.stop()
    await scene.end()
  }
}

/** The answer is the whole one; of a list ours shows only what the key may call. */
function checkAnswer(kind, text, isOurs) {
  if (kind === 'tools/list of 50') {
    const { tools } = JSON.parse(text).result
    check(tools.length === (isOurs ? 10 : 50), `a list had ${tools.length} tools`)
  } else if (kind === '100 kB result') {
    check(JSON.parse(text).result.content[0].text.length > 100_000, 'a large result was cut')
  } else {
    const events = text.split('\n\n').filter((each) => each.startsWith('event: message\ndata: '))
    check(events.length === 21, `a stream had ${events.length} events`)
  }
}

function report(kind, tasks) {
  const own = tasks.find(({ name }) => name === ours)
  return [
    ...tasks.map(({ name, micros }) => figure(`${kind}: ${name}`, 'CPU-µs', micros)),
    ...tasks
      .filter((task) => task !== own)
      .map(({ name, micros }) => ratio(`${kind}: ${ours} : ${name}`, own.micros, micros)),
  ]
}
