#!/usr/bin/env node
// The MCP server that a desktop client spawns. It has no browser and no sign-in: its key comes from the environment,
// and goes as a bearer with every call. All work is done by the app's routes.
import { Server } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

const { MMM_KEY, MMM_URL = 'http://127.0.0.1:3000' } = process.env
if (MMM_KEY === undefined || MMM_KEY === '') {
  console.error('MMM_KEY is not set: put the service key into the "env" of your client\'s configuration')
  process.exit(2)
}

serveStdio(() => {
  const server = new Server({ name: 'mmm-wizard', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', async () => ({ tools: await ask('/api/tools') }))
  server.setRequestHandler('tools/call', async ({ params }) => {
    try {
      const result = await ask(`/api/tools/${encodeURIComponent(params.name)}`, params.arguments ?? {})
      return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result }
    } catch (error) {
      return { content: [{ type: 'text', text: error.message }], isError: true }
    }
  })
  return server
})

/** Gets, or with a body posts. */
async function ask(path, body) {
  const authorization = `Bearer ${MMM_KEY}`
  const post = {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(new URL(path, MMM_URL), {
    ...(body === undefined ? { headers: { authorization } } : post),
    signal: AbortSignal.timeout(30_000),
  }).catch(() => {
    throw new Error(`MMM Wizard does not answer at ${MMM_URL}`)
  })
  if (response.ok) return response.json()
  const { code } = await response.json().catch(() => ({}))
  throw new Error(`MMM Wizard answered ${response.status}${code === undefined ? '' : ` (${code})`}`)
}
