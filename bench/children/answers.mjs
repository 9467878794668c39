// What the backend answers: a small result, a list of tools, a large result, or a stream of events.

const result = (content) => ({
  jsonrpc: '2.0',
  id: 1,
  result: { content, isError: false, resultType: 'complete' },
})
const text = (words) => [{ type: 'text', text: words }]

const small = plain(
  result(
    text(
      'Ten channels are active: search, social, display, video, audio, affiliate, mail, print, radio and television. Their spend this quarter is 1.84 million, 6 % under plan.',
    ),
  ),
)
const large = plain(result(text('Spend by day and channel. '.repeat(3847))))
const tools = plain({
  jsonrpc: '2.0',
  id: 1,
  result: {
    tools: Array.from({ length: 50 }, (_, number) => ({
      name: `${number % 5 === 0 ? 'channel' : 'budget'}_tool_${number}`,
      description: 'Reads the spend of a channel, by day, and what was planned for it.',
      inputSchema: {
        type: 'object',
        properties: {
          channel: { type: 'string', description: 'The channel, by its name' },
          from: { type: 'string', format: 'date' },
          to: { type: 'string', format: 'date' },
        },
        required: ['channel'],
      },
    })),
    resultType: 'complete',
    ttlMs: 60_000,
    cacheScope: 'private',
  },
})
const events = [
  ...Array.from({ length: 20 }, (_, at) => ({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: at + 1, total: 20, message: 'Channels are read one by one.' },
  })),
  result(text('All channels are read.')),
].map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`)

/** What answers a request with this body. */
export function answerFor(body) {
  const { method, params } = JSON.parse(body)
  if (method === 'tools/list') return tools
  if (params.name === 'large_report') return large
  if (params.name === 'slow_report') return stream
  return small
}

function plain(message) {
  const bytes = Buffer.from(JSON.stringify(message))
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length })
    response.end(bytes)
  }
}

/** Each event in a turn of its own, as they come from a tool that reports its progress. */
function stream(response) {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    // nginx would keep the events together.
    'x-accel-buffering': 'no',
  })
  let next = 0
  const write = () => {
    response.write(events[next++])
    if (next < events.length) setImmediate(write)
    else response.end()
  }
  write()
}
