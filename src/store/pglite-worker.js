// @ts-check
// Runs PGlite in a thread of its own, where neither its start nor a long query holds up calls. Plain JavaScript,
// so that a thread can be started from it both in src/ and in dist/.
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite, types } from '@electric-sql/pglite'
import { dataDir } from '@electric-sql/pglite-prepopulatedfs'

/**
 * @typedef {{ id: number, kind: 'query', text: string, values: unknown[] }
 *   | { id: number, kind: 'script', text: string } | { id: number, kind: 'close' }} Request
 * @typedef {{ message: string, sqlState: string | null, constraint: string | null }} Failure
 * @typedef {{ id: number, rows: object[] } | { id: number, failure: Failure }} Reply
 */

const parsers = {
  [types.INT8]: Number,
  [types.TIMESTAMPTZ]: instantOf,
}

/** PGlite decodes each value on its own and would drop a byte order mark that a text starts with. */
globalThis.TextDecoder = class extends TextDecoder {
  /** @param {string} [label] @param {{ fatal?: boolean }} [options] */
  constructor(label, options) {
    super(label, { ...options, ignoreBOM: true })
  }
}

/** The file system's codes (`EPERM`) can have five letters too, but no SQLSTATE starts with E. */
const sqlStatePattern = /^[0-9FHPX][0-9A-Z]{4}$/

const port = parentPort
if (port === null) throw new Error('pglite-worker.js runs as a worker thread only')
const opening = open(workerData.directory)
port.on('message', (/** @type {Request} */ request) => {
  void answer(request).then((reply) => port.postMessage(reply))
})

/** @param {Request} request @returns {Promise<Reply>} */
async function answer(request) {
  const { id } = request
  try {
    const database = await opening
    if (request.kind === 'query') {
      /** @type {{ rows: object[] }} */
      const { rows } = await database.query(request.text, request.values)
      return { id, rows }
    }
    if (request.kind === 'script') await database.exec(request.text)
    else await database.close()
    return { id, rows: [] }
  } catch (error) {
    return { id, failure: failureOf(error) }
  }
}

/**
 * A new database is made beside its place and moved there whole: a process killed while it makes one leaves
 * nothing that looks finished.
 *
 * @param {string} directory
 */
async function open(directory) {
  if (!existsSync(directory)) {
    const unfinished = `${directory}.new`
    await rm(unfinished, { recursive: true, force: true })
    const made = await PGlite.create({ dataDir: unfinished, loadDataDir: await dataDir() })
    await made.close()
    await rename(unfinished, directory)
  }
  return PGlite.create({ dataDir: directory, parsers })
}

/** @param {unknown} error @returns {Failure} */
function failureOf(error) {
  if (!(error instanceof Error)) return { message: 'unknown error', sqlState: null, constraint: null }
  return {
    message: error.message,
    sqlState: 'code' in error && sqlStatePattern.test(String(error.code)) ? String(error.code) : null,
    constraint: 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : null,
  }
}

/** @param {string} text */
function instantOf(text) {
  const ms = new Date(text).getTime()
  if (!Number.isFinite(ms)) throw new TypeError('the database sent an instant that is not in ISO form')
  return ms
}
