// Sends bad keys at a steady rate over pipelined connections, from several addresses of the loopback.
import { connect } from 'node:net'
import { newToken } from '../../../dist/domain/service-key.js'

const [port, perSecond, peers] = process.argv.slice(2).map(Number)
const connectionsOfPeer = 8
const tickMs = 5
/** Requests under way on one connection at most: beyond what the server can do, the flood waits. */
const mostUnderWay = 64

const head = (token) => `GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`
/** Half of them have a wrong checksum; the others could be keys. Each is sent once, as far as they last. */
const requests = Array.from({ length: 60_000 }, (_, index) => {
  const token = newToken('pst')
  return head(index % 2 === 0 ? token : `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`)
})
const lines = []
const statuses = {}
let sent = 0
let isOver = false
let owed = 0
let turn = 0

for (let peer = 0; peer < peers; peer++) for (let each = 0; each < connectionsOfPeer; each++) open(peer)

function open(peer) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${peer + 1}`, noDelay: true })
  const line = { socket, underWay: 0, rest: '' }
  lines.push(line)
  socket.on('data', (chunk) => {
    const text = line.rest + chunk.latin1Slice()
    const found = text.match(/HTTP\/1\.1 ([0-9]{3}) /g) ?? []
    for (const each of found) {
      const status = each.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
    line.underWay -= found.length
    // What may be the beginning of the next status line; nothing that was counted.
    line.rest =
      found.length > 0 && text.endsWith(found.at(-1))
        ? ''
        : text.slice(-12).replace(/HTTP\/1\.1 [0-9]{3} /, '')
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    lines.splice(lines.indexOf(line), 1)
    if (!isOver) open(peer)
  })
}

let last = performance.now()
const timer = setInterval(() => {
  const now = performance.now()
  owed = Math.min(owed + ((now - last) * perSecond) / 1000, perSecond / 10)
  last = now
  const share = Math.ceil(owed / lines.length)
  for (let tried = 0; tried < lines.length && owed >= 1; tried++) {
    const line = lines[turn++ % lines.length]
    const many = Math.min(share, mostUnderWay - line.underWay, Math.floor(owed))
    if (many <= 0) continue
    let text = ''
    for (let at = 0; at < many; at++) text += requests[(sent + at) % requests.length]
    line.socket.write(text)
    line.underWay += many
    sent += many
    owed -= many
  }
}, tickMs)
process.send({ ready: true })

process.on('message', (message) => {
  if (message.counts) process.send({ counts: { sent, statuses } })
  if (!message.stop) return
  clearInterval(timer)
  const settled = setInterval(() => {
    if (lines.some(({ underWay }) => underWay > 0)) return
    clearInterval(settled)
    isOver = true
    process.send({ stopped: { sent, statuses } })
  }, 10)
})
process.on('disconnect', () => process.exit())
