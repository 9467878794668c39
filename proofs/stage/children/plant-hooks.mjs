// Loader hooks: each patch replaces one line of one built file, as that is loaded. The product knows nothing of it.
import { fileURLToPath } from 'node:url'

let patches = []

export function initialize(data) {
  patches = data
}

export async function load(url, context, next) {
  const loaded = await next(url, context)
  const path = url.startsWith('file:') ? fileURLToPath(url) : ''
  const here = patches.filter(({ file }) => path.endsWith(`/dist/${file}`))
  if (here.length === 0) return loaded
  let lines = String(loaded.source).split('\n')
  for (const { file, line, by, times = 1 } of here) {
    const found = lines.filter((each) => each.trim() === line).length
    if (found !== times) throw new Error(`dist/${file} has the line ${line} ${found} times, not ${times}`)
    lines = lines.map((each) => (each.trim() === line ? by : each))
  }
  return { ...loaded, source: lines.join('\n') }
}
