// The backend: answers every request with the same JSON-RPC result, and counts what it was told about the caller.
import { createServer } from 'node:http'

const answer = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    result: {
      content: [
        {
          type: 'text',
          text: 'Ten channels are active: search, social, display, video, audio, affiliate, mail, print, radio and television. Their spend this quarter is 1.84 million, 6 % under plan.',
        },
      ],
      isError: false,
      resultType: 'complete',
    },
  }),
)
let seen = { requests: 0, named: 0, bodyBytes: 0 }

const server = createServer((request, response) => {
  request.on('data', (chunk) => {
    seen.bodyBytes += chunk.length
  })
  request.on('end', () => {
    seen.requests++
    if (request.headers['x-postern-service-user'] !== undefined) seen.named++
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    response.end(answer)
  })
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (message) => {
  if (message !== 'seen') return
  process.send({ seen })
  seen = { requests: 0, named: 0, bodyBytes: 0 }
})
