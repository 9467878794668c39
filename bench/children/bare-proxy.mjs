// The yardstick: the least that node:http and undici do to pass a request on and its answer back. No check, no
// limit, no time-out, and no header is taken away. Bodies are piped as they come, which a proxy has to do that
// sets no limit.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [origin] = process.argv.slice(2)
const pool = new Pool(origin, { connections: null, pipelining: 1 })

const server = createServer((request, response) => {
  const { url: path, method, rawHeaders: headers } = request
  pool.dispatch(
    { path, method, headers, body: request },
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
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
