import { connect } from 'node:net'
import { nowMs } from './stage.mjs'

const answerTimeoutMs = 60_000

/**
 * A client on raw keep-alive sockets. Each call answers `{ status, sentAt, headAt }`: the HTTP status, 0 where the
 * connection was lost, and when it was written and its answer's head was there, on the machine's monotonic clock.
 * More than `connections` calls at a time wait for each other.
 */
export function createClient({ port, connections, localAddress }) {
  const all = new Set()
  const idle = []
  const waiting = []
  let isClosed = false

  function open() {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...(localAddress && { localAddress }) })
    const line = { socket, text: '', call: null }
    all.add(line)
    socket.on('data', (chunk) => {
      line.text = line.text === '' ? chunk.latin1Slice() : line.text + chunk.latin1Slice()
      read(line)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      all.delete(line)
      const at = idle.indexOf(line)
      if (at !== -1) idle.splice(at, 1)
      if (line.call !== null) settle(line, line.call.status ?? 0)
      next()
    })
    return line
  }

  function read(line) {
    const { call } = line
    if (call === null) return
    const bodyAt = line.text.indexOf('\r\n\r\n') + 4
    if (bodyAt === 3) return
    call.headAt ??= nowMs()
    call.status ??= Number(line.text.slice(9, 12))
    const head = line.text.slice(0, bodyAt)
    const length = /\r\ncontent-length: *([0-9]+)/i.exec(head)
    const isWhole =
      length === null ? line.text.endsWith('\r\n0\r\n\r\n') : line.text.length >= bodyAt + Number(length[1])
    if (!isWhole) return
    settle(line, call.status)
    if (/\r\nconnection: *close/i.test(head)) line.socket.destroy()
    else {
      idle.push(line)
      next()
    }
  }

  function settle(line, status) {
    const { call } = line
    line.call = null
    line.text = ''
    clearTimeout(call.timer)
    call.resolve({ status, sentAt: call.sentAt, headAt: call.headAt ?? nowMs() })
  }

  function next() {
    while (waiting.length > 0 && (idle.length > 0 || all.size < connections) && !isClosed) {
      send(idle.pop() ?? open(), waiting.shift())
    }
  }

  function send(line, { bytes, resolve }) {
    const timer = setTimeout(() => line.socket.destroy(), answerTimeoutMs)
    line.call = { resolve, timer, sentAt: nowMs(), headAt: null, status: null }
    line.socket.write(bytes)
  }

  return {
    call(bytes) {
      return new Promise((resolve) => {
        if (isClosed) return resolve({ status: 0, sentAt: nowMs(), headAt: nowMs() })
        waiting.push({ bytes, resolve })
        next()
      })
    },
    /** Sends a part now and the rest after `rest` resolves, on a connection of its own. */
    callInParts(bytes, rest) {
      return new Promise((resolve) => {
        const line = open()
        const at = bytes.length - 10
        send(line, { bytes: bytes.slice(0, at), resolve })
        void rest.then(() => line.socket.write(bytes.slice(at)))
      })
    },
    /** Drops all connections; calls under way are lost. */
    reconnect() {
      for (const { socket } of all) socket.destroy()
    },
    close() {
      isClosed = true
      for (const { socket } of all) socket.destroy()
      for (const { resolve } of waiting.splice(0)) resolve({ status: 0, sentAt: nowMs(), headAt: nowMs() })
    },
  }
}

/** A `tools/call` of a tool of this name as one piece of text. */
export function callText(token, name) {
  const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{}}}`
  return (
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`
  )
}
