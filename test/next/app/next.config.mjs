import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

// The folder above, where the packages lie.
const root = dirname(dirname(fileURLToPath(import.meta.url)))

export default { output: 'standalone', outputFileTracingRoot: root, turbopack: { root } }
