import { startContenders } from './contenders.mjs'
import { figure, ratio, rounds } from './measure.mjs'
import { startBareProxy, startForwardAuth, startHttpProxy, startVerifier } from './processes.mjs'
import { startCaddy, startNginx, startNginxWithAuth } from './proxies.mjs'
import { setScene } from './scene.mjs'

const countedRounds = 9
const requestsARound = 8_000
const warmUpRequests = 30_000
const ours = 'gateway, all on'
const goals = { 'nginx + auth_request': { atMost: 1.2 }, 'bare undici proxy': { atMost: 1.75 } }

/** What a request costs: the gateway with all on against proxies that check nothing, and against nginx with a check. */
export async function benchGateway({ postgres, directory }) {
  const scene = await setScene({ postgres, directory, name: 'gateway' })
  let contenders
  try {
    contenders = await startContenders(startsOf(scene, directory))
    const { started } = contenders
    const results = Object.fromEntries(Object.keys(started).map((name) => [name, []]))
    for (const contender of Object.values(started)) if (contender.names) await scene.checkWrongKey(contender)
    for (const round of rounds(countedRounds)) {
      for (const [name, contender] of Object.entries(started)) {
        const measured = await scene.measure(contender, round === 0 ? warmUpRequests : requestsARound)
        if (round > 0) results[name].push(measured)
      }
    }
    await scene.checkTrail()
    return report(results)
  } finally {
    await contenders?.stop()
    await scene.end()
  }
}

function startsOf({ upstream, database, keys, gateway }, directory) {
  const place = { directory, upstreamPort: upstream.port }
  return {
    'bare undici proxy': () => startBareProxy(upstream.port),
    'http-proxy': () => startHttpProxy(upstream.port),
    Caddy: () => startCaddy(place),
    'nginx proxy_pass': () => startNginx({ ...place, name: 'nginx' }),
    'nginx + auth_request': async () => {
      const verifier = await startVerifier(keys.all)
      const asked = { verifier, path: '/', serviceUserHeader: 'X-Service-User' }
      return { ...(await startNginxWithAuth({ ...place, ...asked, name: 'nginx-auth' })), names: true }
    },
    'nginx + our forward-auth': async () => {
      const verifier = await startForwardAuth({ name: 'forward-auth', database, directory })
      const asked = { verifier, path: '/_postern/verify', serviceUserHeader: 'X-Postern-Service-User' }
      const nginx = await startNginxWithAuth({ ...place, ...asked, name: 'nginx-forward-auth' })
      return { ...nginx, names: true, outcome: 'passed' }
    },
    // The scene ends it.
    [ours]: () => ({ ...gateway, stop: undefined }),
  }
}

function report(results) {
  const names = Object.keys(results)
  const of = (name, value) => results[name].map(value)
  const micros = (name) => of(name, (each) => each.cpuMicros)
  const figures = (unit, value) => names.map((name) => figure(name, unit, of(name, value)))
  return [
    ...figures('CPU-µs', (each) => each.cpuMicros),
    ...names
      .filter((name) => name !== ours)
      .map((name) => ratio(`${ours} : ${name}`, micros(ours), micros(name), goals[name])),
    ...figures('requests/s', (each) => each.perSecond),
    ...figures('ms, p50', (each) => each.p50Ms),
    ...figures('ms, p99', (each) => each.p99Ms),
    ...names.map((name) => figure(name, 'MiB', [results[name].at(-1).memoryMiB])),
  ]
}
