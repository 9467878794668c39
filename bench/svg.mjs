/** The few pieces of SVG that the bench's plots are made of. */

export function line(x1, y1, x2, y2, color, more = '') {
  return `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" stroke="${color}" ${more}/>`
}

export function text(x, y, content, more) {
  return `<text x="${short(x)}" y="${short(y)}" ${more}>${escaped(content)}</text>`
}

export function short(value) {
  return Number(value.toFixed(1))
}

export function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
