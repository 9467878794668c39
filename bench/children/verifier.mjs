// What is written by hand for nginx to ask: SHA-256 of the bearer token, a look in a Map, and the service user's name.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const [token] = process.argv.slice(2)
const serviceUsers = new Map([[digestOf(token), '0192f0c1-2345-7000-8000-0123456789ab']])

const server = createServer(({ headers: { authorization = '' } }, response) => {
  const serviceUser = authorization.startsWith('Bearer ')
    ? serviceUsers.get(digestOf(authorization.slice(7)))
    : undefined
  if (serviceUser === undefined)
    response.writeHead(401, { 'www-authenticate': 'Bearer', 'content-length': 0 })
  else response.writeHead(204, { 'x-service-user': serviceUser })
  response.end()
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

function digestOf(text) {
  return createHash('sha256').update(text).digest('base64url')
}
