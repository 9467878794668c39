// The backend of a proof: notes each call, with the instant, in a file of its own before it answers.
import { openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'

const [logFile, variety] = process.argv.slice(2)
const log = openSync(logFile, 'a', 0o600)
const answer = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}')
let received = 0

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    const name = /"name":"([^"]+)"/.exec(body.latin1Slice())?.[1] ?? '?'
    writeSync(log, `${Number(process.hrtime.bigint()) / 1e6} ${name}\n`)
    received++
    if (variety !== 'various') return plain(response)
    // Calls of every stage must be under way when the end comes.
    if (received % 5 === 0) setTimeout(() => stream(response), (received % 7) * 3)
    else if (received % 3 === 0) setTimeout(() => plain(response), received % 20)
    else plain(response)
  })
})
server.keepAliveTimeout = 300_000
server.listen(0, '127.0.0.1', () => process.send({ ready: server.address().port }))

function plain(response) {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
  response.end(answer)
}

function stream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`data: ${answer.toString()}\n\n`)
  setTimeout(() => response.end(), 5)
}

process.on('message', (message) => {
  if (message.received) process.send({ received })
})
process.on('disconnect', () => process.exit())
