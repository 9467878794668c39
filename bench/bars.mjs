import { isReached, short as inShort } from './measure.mjs'
import { escaped, line, short, text } from './svg.mjs'

const width = 880
const rowHeight = 24
const barHeight = 14
const area = { left: 350, right: 200, top: 66 }
const colors = { plain: '#4b83b5', missed: '#b45309', spread: '#1f2937', goal: '#0f766e', quiet: '#57606a' }
/** Beyond so many times the least, the most would leave nothing to be seen of it. */
const widestLinear = 30

/**
 * An SVG of one row a figure, grouped by unit: a bar up to the median, a thin line from the lowest to the highest, and a
 * mark at the goal.
 */
export function bars({ title, subtitle, figures }) {
  const parts = []
  let top = area.top
  for (const [unit, rows] of byUnit(figures)) {
    const { toX, isLogarithmic } = scaleOf(rows)
    const name = `${unit === '×' ? 'ratios, ×' : unit}${isLogarithmic ? ', logarithmic' : ''}`
    parts.push(text(16, top + barHeight, name, 'font-weight="600"'))
    top += rowHeight
    for (const row of rows) {
      parts.push(bar(row, top, toX))
      top += rowHeight
    }
    top += 12
  }
  const height = top + 8
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${text(16, 26, title, 'font-size="16" font-weight="600"')}
${text(16, 45, subtitle, `fill="${colors.quiet}" font-size="12"`)}
${parts.join('\n')}
</svg>
`
}

function byUnit(figures) {
  const groups = new Map()
  for (const figure of figures) groups.set(figure.unit, [...(groups.get(figure.unit) ?? []), figure])
  return groups
}

function scaleOf(rows) {
  const most = Math.max(...rows.flatMap(({ high, goal }) => [high, limitOf(goal) ?? 0]), Number.MIN_VALUE)
  const least = Math.min(...rows.map(({ low }) => low))
  const room = width - area.left - area.right
  if (least <= 0 || most / least <= widestLinear)
    return { isLogarithmic: false, toX: (value) => area.left + (Math.max(value, 0) / most) * room }
  // A decade below the least, so that its bar is seen, too.
  const from = Math.log10(least) - 1
  const decades = Math.log10(most) - from
  return {
    isLogarithmic: true,
    toX: (value) => area.left + (Math.max(Math.log10(value) - from, 0) / decades) * room,
  }
}

function bar(figure, top, toX) {
  const { what, median, low, high, goal } = figure
  const middle = top + barHeight / 2
  const limit = limitOf(goal)
  const isMissed = isReached(figure) === false
  const wanted = limit === null ? '' : ` (${goal.atMost === undefined ? '≥' : '≤'} ${limit})`
  return [
    text(area.left - 10, top + 11, what, 'text-anchor="end"'),
    `<rect x="${area.left}" y="${top}" width="${short(Math.max(toX(median) - area.left, 1))}" height="${barHeight}" fill="${isMissed ? colors.missed : colors.plain}"/>`,
    line(toX(low), middle, toX(high), middle, colors.spread),
    limit === null
      ? ''
      : line(toX(limit), top - 3, toX(limit), top + barHeight + 3, colors.goal, 'stroke-width="2"'),
    text(
      toX(Math.max(high, limit ?? 0)) + 8,
      top + 11,
      `${inShort(median)}${wanted}${isMissed ? ' missed' : ''}`,
      `fill="${isMissed ? colors.missed : colors.quiet}"`,
    ),
  ].join('')
}

function limitOf(goal) {
  return goal === undefined ? null : (goal.atMost ?? goal.atLeast)
}
