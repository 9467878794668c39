// @ts-nocheck -- it reads dist/, which a type check must not need
// Takes the lock of the directory in argv and says so, or says why not; holds it until stdin ends or it is killed.
import { mkdirSync, rmdirSync } from 'node:fs'
import { acquireLock } from '../../../dist/store/lock.js'

const [dataDir, rounds = '1'] = process.argv.slice(2)
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

if (rounds === '1') {
  try {
    const lock = await acquireLock(dataDir, { socketPath: '/tmp/a socket' })
    say({ acquired: lock.holder.id })
    process.stdin.on('end', () => {
      lock.release()
      process.exit(0)
    })
    process.stdin.resume()
  } catch (error) {
    say({ refused: error.code, message: error.message, holder: error.holder })
    process.exit(1)
  }
} else {
  // Many rounds: only who holds the lock may be in the directory `inside`, which mkdir lets in one at a time.
  let entered = 0
  let broken = 0
  for (let round = 0; round < Number(rounds); round++) {
    let lock
    try {
      lock = await acquireLock(dataDir, { socketPath: null })
    } catch (error) {
      if (error.code !== 'directory_locked') throw error
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      continue
    }
    try {
      mkdirSync(`${dataDir}/inside`)
      entered++
      rmdirSync(`${dataDir}/inside`)
    } catch {
      broken++
    }
    lock.release()
  }
  say({ entered, broken })
}
