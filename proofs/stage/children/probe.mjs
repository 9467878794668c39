// Loaded into each gateway of a proof by --import: plants its patches, moves its clock, and tells how it is.
import { readdirSync } from 'node:fs'
import { register } from 'node:module'

const patches = JSON.parse(process.env.POSTERN_PROOF_PATCHES ?? '[]')
if (patches.length > 0) register('./plant-hooks.mjs', import.meta.url, { data: patches })

const now = Date.now
let shiftMs = 0
Date.now = () => now() + shiftMs

let rejections = 0
let warnings = 0
process.on('unhandledRejection', () => rejections++)
process.on('warning', () => warnings++)

process.on('message', (message) => {
  if (message.shiftClockMs !== undefined) {
    shiftMs += message.shiftClockMs
    process.send({ clockShifted: true })
  } else if (message.cpu) {
    const { user, system } = process.cpuUsage()
    process.send({ cpu: user + system })
  } else if (message.health) {
    // Twice: what the first collection finalises is gone after the second.
    globalThis.gc?.()
    globalThis.gc?.()
    const { heapUsed, external, rss } = process.memoryUsage()
    const descriptors = readdirSync('/dev/fd').length
    process.send({ health: { heapUsed: heapUsed + external, rss, descriptors, rejections, warnings } })
  }
})
// Without the proof there is nothing left to do; and a process must not stay alive only to be asked.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.channel?.unref()
