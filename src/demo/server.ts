import { createServer } from 'node:http'
import { localhostHostValidation, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createDemoServer } from './tools.ts'

export interface Demo {
  /** The MCP endpoint. */
  url: string
  close(): Promise<void>
}

/**
 * Starts the MCP server behind `serve --demo`, on loopback and a free port unless one is named. It speaks every
 * revision that the SDK does, statelessly: a GET or DELETE is answered 405. Rejects when the port is taken.
 */
export async function startDemo({
  port = 0,
  serviceUserHeader = 'x-postern-service-user',
}: { port?: number; serviceUserHeader?: string } = {}): Promise<Demo> {
  const mcp = createMcpHandler(() => createDemoServer(serviceUserHeader))
  const answerMcp = toNodeHandler(mcp)
  // A page that rebinds its name to loopback would reach this server, which asks nobody for a key.
  const isLocalHost = localhostHostValidation()
  const server = createServer((request, response) => {
    if (!isLocalHost(request, response)) return
    // Node's one type for requests and answers leaves both open; on a server's request they are set.
    const { method = '', url = '' } = request
    if (url.split('?')[0] === '/mcp') void answerMcp(Object.assign(request, { method, url }), response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the demo does not listen')
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    async close() {
      await mcp.close()
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
