import { escaped, line, short, text } from './svg.mjs'

/** Two scales by powers of ten, lines between points, and names at the lines' ends: all that the plot needs. */

const width = 860
const height = 520
const area = { left: 78, right: 112, top: 56, bottom: 58 }

/**
 * An SVG of lines over logarithmic scales. `series` are `{ name, color, points: [x, y][] }`; `limits` are
 * `{ name, y }`, drawn across.
 */
export function plot({ title, subtitle, x, y, series, limits }) {
  const left = area.left
  const right = width - area.right
  const bottom = height - area.bottom
  const toX = scale(x.from, x.to, left, right)
  const toY = scale(y.from, y.to, bottom, area.top)
  const inside = ([, value]) => value >= y.from && value <= y.to
  const parts = [
    text(left, 24, title, 'font-size="16" font-weight="600"'),
    text(left, 43, subtitle, 'fill="#57606a"'),
    ...powers(x.from, x.to).flatMap((value) => [
      line(toX(value), area.top, toX(value), bottom, '#e4e7eb'),
      text(toX(value), bottom + 20, label(value), 'text-anchor="middle" fill="#57606a"'),
    ]),
    ...powers(y.from, y.to).flatMap((value) => [
      line(left, toY(value), right, toY(value), '#e4e7eb'),
      text(left - 10, toY(value) + 4, label(value), 'text-anchor="end" fill="#57606a"'),
    ]),
    text((left + right) / 2, height - 14, x.name, 'text-anchor="middle"'),
    text(
      0,
      0,
      y.name,
      `text-anchor="middle" transform="translate(20 ${(area.top + bottom) / 2}) rotate(-90)"`,
    ),
    ...limits.flatMap(({ name, y: value }) => [
      line(left, toY(value), right, toY(value), '#8c959f', 'stroke-dasharray="5 4"'),
      text(left + 8, toY(value) - 6, name, 'fill="#57606a"'),
    ]),
    ...series.flatMap(({ color, points }) => {
      const shown = points.filter(inside)
      if (shown.length === 0) return []
      const path = shown
        .map(([a, b], at) => `${at === 0 ? 'M' : 'L'}${short(toX(a))} ${short(toY(b))}`)
        .join('')
      return [`<path d="${path}" fill="none" stroke="${color}" stroke-width="2.5" stroke-linejoin="round"/>`]
    }),
    ...series.map(({ name, color }, at) => {
      const top = area.top + 14 + at * 22
      const from = right + 14
      return `<rect x="${from}" y="${top - 9}" width="14" height="4" rx="2" fill="${color}"/>${text(from + 20, top - 2, name, '')}`
    }),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${parts.join('\n')}
</svg>
`
}

function scale(from, to, start, end) {
  const low = Math.log10(from)
  const high = Math.log10(to)
  return (value) => start + ((Math.log10(value) - low) / (high - low)) * (end - start)
}

function powers(from, to) {
  const found = []
  for (let power = Math.ceil(Math.log10(from)); power <= Math.floor(Math.log10(to)); power++)
    found.push(10 ** power)
  return found
}

function label(value) {
  if (value >= 1e6) return `${value / 1e6} M`
  if (value >= 1e3) return `${value / 1e3} k`
  return String(Number(value.toPrecision(1)))
}
