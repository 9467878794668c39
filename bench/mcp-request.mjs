export const revision = '2026-07-28'

/** The one head and body that a connection of the load sends again and again; `more` are further header lines. */
export function postRequest({ port, path = '/mcp', token, body, more = [] }) {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    'user-agent: postern-bench/1.0',
    ...more,
    `content-length: ${Buffer.byteLength(body)}`,
  ].join('\r\n')
  return { head, body }
}

/** A `tools/call` of 300 bytes, as a client of the current revision sends it. */
export function toolsCall(tool) {
  const withText = (text) => ({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: tool, arguments: { text }, _meta: meta },
  })
  const text = 'x'.repeat(300 - JSON.stringify(withText('')).length)
  return call('tools/call', JSON.stringify(withText(text)), [`mcp-name: ${tool}`])
}

export function toolsList() {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } })
  return call('tools/list', body)
}

const meta = { 'io.modelcontextprotocol/protocolVersion': revision }

function call(method, body, more = []) {
  return { body, more: [`mcp-protocol-version: ${revision}`, `mcp-method: ${method}`, ...more] }
}
