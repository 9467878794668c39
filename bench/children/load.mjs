// The load: keep-alive connections on raw sockets, each with one request under way.
import { connect } from 'node:net'
import { answerReader } from './answer-reader.mjs'

let sockets = []
let onAnswer = () => {}

process.on('message', (message) => {
  if (message.open) void open(message.open).then((opened) => process.send({ opened }))
  else if (message.run) void run(message.run).then((ran) => process.send({ ran }))
  else if (message.pace) void pace(message.pace).then((paced) => process.send({ paced }))
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

/** Sends so many requests over all connections, each as soon as there is the answer to the one before it. */
function run({ requests }) {
  const { done, note } = results(requests)
  let sent = 0
  onAnswer = (socket, status, bytes) => {
    note(socket.sentAt, status, bytes)
    if (sent < requests) send(socket)
  }
  function send(socket) {
    sent++
    socket.sentAt = performance.now()
    socket.write(socket.request)
  }
  for (const socket of sockets.slice(0, requests)) send(socket)
  return done
}

/**
 * Sends so many requests at a constant rate, whatever becomes of them. One whose time has come while no connection is
 * free waits for one, and its answer's time counts from when it was to be sent.
 */
function pace({ requests, perSecond }) {
  const { done, note } = results(requests)
  const startedAt = performance.now()
  const dueAt = (number) => startedAt + (number * 1000) / perSecond
  const free = [...sockets]
  let sent = 0
  onAnswer = (socket, status, bytes) => {
    note(socket.sentAt, status, bytes)
    free.push(socket)
    sendDue()
  }
  function sendDue() {
    while (sent < requests && free.length > 0 && dueAt(sent) <= performance.now()) {
      // The one that has been free for longest, so that all of them are in use.
      const socket = free.shift()
      socket.sentAt = dueAt(sent++)
      socket.write(socket.request)
    }
  }
  function tick() {
    sendDue()
    if (sent < requests) setTimeout(tick, 1)
  }
  tick()
  return done
}

/** How often each status came, how long it all took and each answer, and the length of the shortest body. */
function results(requests) {
  const statuses = {}
  const tookMs = []
  let shortestBytes = Infinity
  let finish
  let fail
  const done = new Promise((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  const before = performance.now()
  function note(sentAt, status, bytes) {
    if (status === 0) {
      fail(new Error('a connection was lost'))
      return
    }
    const now = performance.now()
    statuses[status] = (statuses[status] ?? 0) + 1
    shortestBytes = Math.min(shortestBytes, bytes)
    if (tookMs.push(now - sentAt) < requests) return
    tookMs.sort((a, b) => a - b)
    const percentile = (share) => tookMs[Math.ceil(tookMs.length * share) - 1]
    finish({
      statuses,
      seconds: (now - before) / 1000,
      p50Ms: percentile(0.5),
      p99Ms: percentile(0.99),
      shortestBytes,
    })
  }
  return { done, note }
}

function connectTo(port, request) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.request = request
    const read = answerReader((status, bytes) => onAnswer(socket, status, bytes))
    socket.on('data', read)
    socket.on('error', reject)
    socket.on('close', () => {
      if (sockets.includes(socket)) onAnswer(socket, 0, 0)
    })
  })
}
