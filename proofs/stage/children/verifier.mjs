// Verifies exports as `postern audit verify` does, many in one process; patches can be planted into it.
import { readFileSync } from 'node:fs'
import { createVerifier } from '../../../dist/audit/verify/verify-trail.js'

process.on('message', ({ verify: { files, keys } }) => {
  const verifier = createVerifier({ keys, isPartial: false })
  for (const [index, file] of files.entries()) {
    if (index > 0) verifier.nextFile()
    const lines = readFileSync(file, 'utf8').split('\n')
    lines.pop()
    for (const line of lines) if (!verifier.read(line)) break
  }
  const { fault } = verifier.end(true)
  process.send({ verdict: fault === null ? 'fits' : fault.code })
})
process.on('disconnect', () => process.exit())
// The probe lets its channel keep nothing alive; here there is nothing else.
process.channel.ref()
process.send({ ready: true })
