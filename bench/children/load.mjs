// The load: keep-alive connections on raw sockets, each with one request under way.
import { connect } from 'node:net'

let sockets = []
let onAnswer = () => {}

process.on('message', (message) => {
  if (message.open) void open(message.open).then((opened) => process.send({ opened }))
  else if (message.run) void run(message.run).then((ran) => process.send({ ran }))
  else if (message.close) {
    const closing = sockets
    sockets = []
    for (const socket of closing) socket.destroy()
    process.send({ closed: true })
  }
})
// Between rounds nothing else keeps this process alive.
process.channel.ref()
process.send({ ready: true })

/** Connects, and answers after each connection has had one answer. */
async function open({ port, head, body, connections }) {
  const request = Buffer.from(`${head}\r\n\r\n${body}`)
  sockets = await Promise.all(Array.from({ length: connections }, () => connectTo(port, request)))
  return run({ requests: connections })
}

/** Sends so many requests over all connections; answers how often each status came, and how long it took. */
function run({ requests }) {
  return new Promise((resolve, reject) => {
    const statuses = {}
    let sent = 0
    let answered = 0
    const before = performance.now()
    onAnswer = (socket, status) => {
      if (status === 0) return reject(new Error('a connection was lost'))
      statuses[status] = (statuses[status] ?? 0) + 1
      if (++answered === requests) resolve({ statuses, seconds: (performance.now() - before) / 1000 })
      else if (sent < requests) send(socket)
    }
    function send(socket) {
      sent++
      socket.write(socket.request)
    }
    for (const socket of sockets.slice(0, requests)) send(socket)
  })
}

function connectTo(port, request) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.request = request
    let waiting = ''
    socket.on('data', (chunk) => {
      waiting = waiting === '' ? chunk.latin1Slice() : waiting + chunk.latin1Slice()
      const bodyAt = waiting.indexOf('\r\n\r\n') + 4
      if (bodyAt === 3) return
      const length = /\r\ncontent-length: *([0-9]+)/i.exec(waiting.slice(0, bodyAt))
      // Without a length it comes in chunks, as from Next, and the empty one is the last.
      if (length === null ? !waiting.endsWith('\r\n0\r\n\r\n') : waiting.length < bodyAt + Number(length[1]))
        return
      const status = Number(waiting.slice(9, 12))
      waiting = ''
      onAnswer(socket, status)
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (sockets.includes(socket)) onAnswer(socket, 0)
    })
  })
}
