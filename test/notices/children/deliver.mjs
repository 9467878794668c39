// @ts-nocheck -- it reads dist/, which a type check must not need
// A worker on the database in argv that delivers to the webhook in argv, at the instant in argv.
import { createNotices } from '../../../dist/notices/notices.js'
import { createWebhookSender } from '../../../dist/notices/webhook.js'
import { createOutbound } from '../../../dist/outbound/outbound.js'
import { openPostgres } from '../../../dist/store/store.js'

const [connectionString, url, secret, now] = process.argv.slice(2)
const clock = { now: () => Number(now) }
const send = createOutbound({ allowAddresses: ['127.0.0.0/8'] })
const senders = [createWebhookSender([{ name: 'ops', url, secrets: [secret] }], { send, clock })]
const log = { info() {}, warn() {}, error() {} }
const store = openPostgres({ connectionString, schema: 'postern' })
await createNotices({ store: store.notices, clock, senders, log, idempotencyKeysLiveMs: 0 }).tick()
await store.close()
