// The backend: answers every request by its method and tool, and counts what it was told about the caller.
import { createServer } from 'node:http'
import { answerFor } from './answers.mjs'

const answerAfterMs = Number(process.argv[2])
const nobodySeen = { requests: 0, named: 0, bodyBytes: 0 }
let seen = { ...nobodySeen }

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    const { headers } = request
    seen.requests++
    seen.bodyBytes += body.length
    if (headers['x-postern-service-user'] ?? headers['x-service-user']) seen.named++
    const answer = () => answerFor(body.latin1Slice())(response)
    if (answerAfterMs === 0) answer()
    else setTimeout(answer, answerAfterMs)
  })
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (message) => {
  if (message !== 'seen') return
  process.send({ seen })
  seen = { ...nobodySeen }
})
