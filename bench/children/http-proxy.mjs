// The package that most Node proxies are made with, as its guide says, with a keep-alive agent.
import { Agent, createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// It still calls `util._extend`, and says so on every start.
process.noDeprecation = true
const [target, place] = process.argv.slice(2)
const { createProxyServer } = createRequire(join(place, 'package.json'))('http-proxy')
const proxy = createProxyServer({ target, agent: new Agent({ keepAlive: true, maxFreeSockets: 1024 }) })
proxy.on('error', (error, request, response) => response.destroy(error))

const server = createServer((request, response) => proxy.web(request, response))
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
