import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import type { Program } from '../programs.ts'

export interface Proxy {
  port: number
  close(): Promise<void>
}

/** Where the configuration of a guide points to, and where it points to here. */
export interface Places {
  backend: string
  admin: string
  /** The name of the header, as the settings have it; lower case. */
  userHeader: string
}

/** Starts the real program on the very configuration that the guide shows, with this test's ports in it. */
export async function startProxy(program: Program, { backend, admin, userHeader }: Places): Promise<Proxy> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), `postern-${program}-`))
  const shown = (await blockOf(program))
    .replaceAll('127.0.0.1:3000', new URL(backend).host)
    .replaceAll('127.0.0.1:4243', new URL(admin).host)
    .replaceAll('X-Postern-Service-User', userHeader)
    .replaceAll('upstream_http_x_postern_service_user', `upstream_http_${userHeader.replaceAll('-', '_')}`)
    .replace('request_header -*Postern*', 'request_header -*Postern*\n\t\trequest_header -*mmm*')
  const { args, config } = program === 'nginx' ? nginx(shown, port, directory) : caddy(shown, port, directory)
  await writeFile(join(directory, 'config'), config)
  await mkdir(join(directory, 'logs'))
  const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory }
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const ended = once(child, 'exit')
  await Promise.race([
    untilListening(port),
    ended.then(() => Promise.reject(new Error(`${program} ended: ${said}`))),
  ])
  return {
    port,
    async close() {
      child.kill('SIGTERM')
      await ended
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function nginx(shown: string, port: number, directory: string) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory}/${name};`)
    .join(' ')
  const config = `daemon off; master_process off; pid ${directory}/pid; error_log stderr warn;
events {}
http { access_log off; ${temporary}
${shown.replace('127.0.0.1:8080', `127.0.0.1:${port}`)}
}
`
  return { config, args: ['-p', directory, '-c', join(directory, 'config')] }
}

function caddy(shown: string, port: number, directory: string) {
  const config = `{
	admin off
	auto_https off
}
${shown.replace(':8080', `http://:${port}`)}`
  return { config, args: ['run', '--config', join(directory, 'config'), '--adapter', 'caddyfile'] }
}

async function blockOf(program: Program): Promise<string> {
  const guide = await readFile(new URL('../../docs/guides/forward-auth.md', import.meta.url), 'utf8')
  const language = program === 'caddy' ? 'caddyfile' : program
  const block = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(guide)?.[1]
  if (block === undefined) throw new Error(`the guide has no configuration for ${program}`)
  return block
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (open) return
    await setTimeout(50)
  }
  throw new Error(`nothing listens on ${port}`)
}
