import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bars } from './bars.mjs'
import { isRatio, machine, markdownTable } from './measure.mjs'

const place = fileURLToPath(new URL('results/', import.meta.url))
const tolerance = 0.15
/** Figures of other Nodes stand beside those of the one that Postern asks for at least. */
const major = process.versions.node.split('.')[0]
const suffix = major === '20' ? '' : `-node${major}`

/** A table, a plot and the bare numbers of each subject that was measured. Answers the files' paths. */
export async function writeResults(results) {
  await mkdir(place, { recursive: true })
  const written = []
  for (const { name, figures } of results) {
    const day = new Date().toISOString().slice(0, 10)
    const file = `${name}${suffix}`
    const files = {
      [`${file}.md`]: `# ${name}\n\n${machine()}; ${day}.\n\n${markdownTable(figures)}\n\n![](${file}.svg)\n`,
      [`${file}.svg`]: bars({ title: name, subtitle: `${machine()}; ${day}`, figures }),
      [`${file}.json`]: `${JSON.stringify({ machine: machine(), day, figures }, null, 2)}\n`,
    }
    for (const [path, text] of Object.entries(files)) {
      await writeFile(join(place, path), text)
      written.push(`bench/results/${path}`)
    }
  }
  return written
}

/**
 * A line for each ratio that is worse than the recorded one by more than 15 %. A ratio without a goal has no better or
 * worse side, so that it may not move to either. What isn't recorded yet, or wasn't measured, is told and passes.
 */
export async function regressions(results) {
  const worse = []
  for (const { name, figures } of results) {
    const recorded = await recordedFigures(name)
    for (const now of figures.filter(isRatio)) {
      const before = recorded.find(({ what }) => what === now.what)
      if (before === undefined) console.log(`not recorded: ${name}: ${now.what}`)
      else if (isWorse(now, before))
        worse.push(
          `worse: ${name}: ${now.what}: ${now.median.toFixed(2)}, recorded ${before.median.toFixed(2)}`,
        )
    }
  }
  return worse
}

function isWorse({ median, goal }, before) {
  const isHigher = median > before.median * (1 + tolerance)
  const isLower = median < before.median * (1 - tolerance)
  if (goal?.atMost !== undefined) return isHigher
  if (goal?.atLeast !== undefined) return isLower
  return isHigher || isLower
}

async function recordedFigures(name) {
  try {
    return JSON.parse(await readFile(join(place, `${name}${suffix}.json`), 'utf8')).figures
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}
