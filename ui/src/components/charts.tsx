import type { ReactNode } from 'react'
import { wholeCount } from '../text/numbers.ts'

/** Small charts of our own: bars in SVG, each with a title, and a table for screen readers. */

export interface Bar {
  label: string
  /** From the bottom upwards: each a part of the whole bar. */
  parts: readonly { name: string; value: number; tone: BarTone }[]
}

export type BarTone = 'accent' | 'good' | 'warn' | 'bad' | 'muted'

const fills: Record<BarTone, string> = {
  accent: 'fill-bar-accent',
  good: 'fill-bar-good',
  warn: 'fill-bar-warn',
  bad: 'fill-bar-bad',
  muted: 'fill-edge',
}

/** Calls over days, as small as a word: for lists. Its numbers are in the title. */
export function Sparkline({
  values,
  title,
}: {
  values: readonly { label: string; calls: number; refused: number }[]
  title: string
}) {
  const most = Math.max(1, ...values.map(({ calls }) => calls))
  const step = 100 / Math.max(1, values.length)
  const height = 24
  const bars = values.map(({ calls, refused }, index) => {
    // A single call among thousands still shows.
    const whole = calls === 0 ? 0 : Math.max(1.5, (calls / most) * (height - 1))
    return { x: index * step, whole, bad: calls === 0 ? 0 : whole * Math.min(1, refused / calls) }
  })
  const width = Math.max(0.5, step - 0.7)
  // Two paths and not two elements a day: a list has hundreds of these.
  const calls = bars.map(({ x, whole, bad }) => barPath(x, height - whole, width, whole - bad)).join('')
  const refused = bars.map(({ x, bad }) => barPath(x, height - bad, width, bad)).join('')
  return (
    <svg
      role="img"
      aria-label={title}
      viewBox={`0 0 100 ${height}`}
      preserveAspectRatio="none"
      className="h-6 w-24 shrink-0"
    >
      <title>{title}</title>
      <rect x="0" y={height - 1} width="100" height="1" className="fill-line" />
      <path d={calls} className="fill-bar-accent" />
      <path d={refused} className="fill-bar-bad" />
    </svg>
  )
}

function barPath(x: number, y: number, width: number, height: number): string {
  if (height <= 0) return ''
  return `M${x.toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h-${width.toFixed(1)}z`
}

/** Bars over a shared base, with a scale and a hidden table. */
export function BarChart({
  bars,
  title,
  valueName = 'Calls',
  heightPx = 160,
  emptyText = 'No calls in this time',
}: {
  bars: readonly Bar[]
  title: string
  valueName?: string
  heightPx?: number
  emptyText?: ReactNode
}) {
  const totals = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0))
  const most = Math.max(0, ...totals)
  const names = [...new Map(bars.flatMap(({ parts }) => parts.map(({ name, tone }) => [name, tone])))]
  const step = 1000 / Math.max(1, bars.length)
  return (
    <figure className="relative">
      <div className="flex gap-2">
        <div aria-hidden className="flex flex-col justify-between text-right text-xs text-muted tabular-nums">
          <span>{most === 0 ? '' : wholeCount(most)}</span>
          <span>0</span>
        </div>
        <svg
          role="img"
          aria-label={title}
          viewBox={`0 0 1000 ${heightPx}`}
          height={heightPx}
          preserveAspectRatio="none"
          className="min-w-0 flex-1"
        >
          <title>{title}</title>
          <rect x="0" y="0" width="1000" height="1" className="fill-line" />
          <rect x="0" y={heightPx - 1} width="1000" height="1" className="fill-line" />
          {bars.map(({ label, parts }, index) => {
            const total = totals[index] ?? 0
            let top = heightPx - 1
            return (
              <g key={label}>
                <title>{`${label}: ${parts.map(({ name, value }) => `${wholeCount(value)} ${name}`).join(', ')}`}</title>
                {/* The whole column answers to the pointer, also above a low bar. */}
                <rect
                  x={index * step}
                  y="0"
                  width={step}
                  height={heightPx}
                  className="fill-transparent hover:fill-hover"
                />
                {total === 0
                  ? null
                  : parts.map(({ name, value, tone }) => {
                      const height = value === 0 ? 0 : Math.max(1, (value / most) * (heightPx - 2))
                      top -= height
                      return (
                        <rect
                          key={name}
                          x={index * step + step * 0.12}
                          y={top}
                          width={step * 0.76}
                          height={height}
                          className={`pointer-events-none ${fills[tone]}`}
                        />
                      )
                    })}
              </g>
            )
          })}
        </svg>
      </div>
      {most === 0 ? (
        <div className="absolute inset-0 grid place-items-center text-[13px] text-muted">{emptyText}</div>
      ) : null}
      <div className="mt-1.5 flex justify-between gap-4 pl-6 text-xs text-muted" aria-hidden>
        <span>{bars[0]?.label}</span>
        <span>{bars.at(-1)?.label}</span>
      </div>
      {names.length < 2 ? null : <Legend names={names} />}
      {/* A table itself doesn't shrink to nothing. */}
      <div className="visually-hidden">
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              <th scope="col">{valueName}</th>
              {names.map(([name]) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {bars.map(({ label, parts }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {names.map(([name]) => (
                  <td key={name}>{wholeCount(parts.find((part) => part.name === name)?.value ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  )
}

/** A bar on its side, of parts: one tool's calls by outcome. `most` is the longest bar's whole. */
export function PartsBar({ parts, most, title }: { parts: Bar['parts']; most: number; title: string }) {
  let left = 0
  return (
    <svg role="img" aria-label={title} viewBox="0 0 100 8" preserveAspectRatio="none" className="h-2 w-full">
      <title>{title}</title>
      <rect width="100" height="8" className="fill-hover" />
      {parts.map(({ name, value, tone }) => {
        const width = most === 0 ? 0 : (value / most) * 100
        const x = left
        left += width
        return <rect key={name} x={x} width={width} height="8" className={fills[tone]} />
      })}
    </svg>
  )
}

/** What the colours of a chart mean. */
export function Legend({ names }: { names: readonly (readonly [string, BarTone])[] }) {
  return (
    <ul aria-hidden className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      {names.map(([name, tone]) => (
        <li key={name} className="flex items-center gap-1.5">
          <svg viewBox="0 0 8 8" className="size-2">
            <rect width="8" height="8" rx="2" className={fills[tone]} />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  )
}
