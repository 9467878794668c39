import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { answerOf, startChild, stopChild } from './child.mjs'
import { freePort } from './free-port.mjs'

const startTimeoutMs = 10_000

/** Caddy in front of the backend, with its defaults but for the idle connections that it keeps. */
export function startCaddy({ directory, upstreamPort }) {
  return startProgram('caddy', 'caddy', directory, (port) => ({
    args: (config) => ['run', '--config', config, '--adapter', 'caddyfile'],
    config: `{
	admin off
	auto_https off
	grace_period 1s
	log {
		level ERROR
	}
}
http://:${port} {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:${upstreamPort} {
		transport http {
			keepalive_idle_conns_per_host 128
		}
	}
}
`,
  }))
}

/**
 * nginx with one worker in front of the backend. With `auth` it asks there first and tells the backend who calls; of
 * `headers` the verifier's answer has the first, and the backend gets the second.
 */
export function startNginx({ directory, name, upstreamPort, auth }) {
  return startProgram('nginx', name, directory, (port, place) => ({
    args: (config) => ['-p', place, '-c', config],
    config: nginxConfig({ port, place, upstreamPort, auth }),
  }))
}

/** `auth_request` in front of `verifier`, both as one contender. */
export async function startNginxWithAuth({ verifier, path, serviceUserHeader, ...options }) {
  try {
    const nginx = await startNginx({ ...options, auth: { port: verifier.port, path, serviceUserHeader } })
    return {
      port: nginx.port,
      pids: [...nginx.pids, ...verifier.pids],
      async stop() {
        await nginx.stop()
        await verifier.stop()
      },
    }
  } catch (error) {
    await verifier.stop()
    throw error
  }
}

function nginxConfig({ port, place, upstreamPort, auth }) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((each) => `  ${each}_temp_path ${join(place, each)};`)
    .join('\n')
  const keptAlive = 'keepalive 128; keepalive_requests 100000000; keepalive_timeout 120s;'
  // One `proxy_set_header` in a location hides all of those around it: each location has its own, `Connection` among them.
  const passed = 'proxy_http_version 1.1; proxy_set_header Connection "";'
  const variable = auth && `$upstream_http_${auth.serviceUserHeader.toLowerCase().replaceAll('-', '_')}`
  return `daemon off;
${process.getuid() === 0 ? '# The directory is not for others to read.\nuser root;' : ''}
worker_processes 1;
pid ${join(place, 'pid')};
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
${temporary}
  keepalive_requests 100000000;
  keepalive_timeout 120s;
  upstream backend { server 127.0.0.1:${upstreamPort}; ${keptAlive} }
${auth ? `  upstream verifier { server 127.0.0.1:${auth.port}; ${keptAlive} }` : ''}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      ${passed}
${
  auth
    ? `      proxy_set_header Authorization "";
      auth_request /_verify;
      auth_request_set $service_user ${variable};
      proxy_set_header ${auth.serviceUserHeader} $service_user;`
    : ''
}
    }
${
  auth
    ? `    location = /_verify {
      internal;
      proxy_pass http://verifier${auth.path};
      ${passed}
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Forwarded-For $remote_addr;
    }`
    : ''
}
  }
}
`
}

/** Runs a program of the machine on a free port, with all its files in a directory of its own. */
async function startProgram(program, name, directory, describe) {
  const place = join(directory, name.replaceAll(/[^a-z]+/g, '-'))
  const port = await freePort()
  const { args, config } = describe(port, place)
  const file = join(place, 'config')
  await mkdir(join(place, 'logs'), { recursive: true })
  await writeFile(file, config)
  const env = {
    ...process.env,
    // Debian has nginx where only root looks.
    PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin`,
    ...{ HOME: place, XDG_DATA_HOME: place, XDG_CONFIG_HOME: place },
  }
  const child = startChild('children/program.mjs', { args: [program, ...args(file)], env })
  try {
    const { started } = await answerOf(child, 'started')
    if (started.error !== undefined)
      throw new Error(
        started.error === 'ENOENT' ? `not installed (apt-get install ${program})` : started.error,
      )
    await untilListening(port, child)
    return { port, pids: [started.pid], stop: () => stopChild(child) }
  } catch (error) {
    await stopChild(child)
    throw error
  }
}

async function untilListening(port, child) {
  const until = performance.now() + startTimeoutMs
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error('it ended before it listened')
    if (performance.now() > until) throw new Error('it does not listen')
    await setTimeout(20)
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
