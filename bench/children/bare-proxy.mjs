// The yardstick: the least that node:http and undici do to pass a request on and its answer back. No check, no
// limit, no time-out, and no header is taken away. Bodies are piped as they come, which a proxy has to do that
// sets no limit; with `whole` the request's is read first, which only small ones survive, and is cheaper.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [origin, form] = process.argv.slice(2)
const pool = new Pool(origin, { connections: null, pipelining: 1 })

const server = createServer((request, response) => {
  if (form === 'whole') readWhole(request, (body) => pass(request, body, response))
  else pass(request, request, response)
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

function pass({ url: path, method, rawHeaders: headers }, body, response) {
  pool.dispatch(
    { path, method, headers, body },
    {
      onConnect() {},
      onHeaders(status, rawHeaders, resume) {
        response.writeHead(
          status,
          rawHeaders.map((each) => each.latin1Slice()),
        )
        response.on('drain', resume)
        return true
      },
      onData: (chunk) => response.write(chunk),
      onComplete: () => response.end(),
      onError: (error) => response.destroy(error),
    },
  )
}

function readWhole(request, then) {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => then(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
}
