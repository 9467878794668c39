import { contributions } from '../model/budget.ts'
import { sampleData } from '../model/data.ts'
import { fit } from '../model/fit.ts'
import { postern } from '../postern.ts'

export const dynamic = 'force-dynamic'

const data = sampleData()
const euros = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 })
const cell = { borderBottom: '1px solid #ddd', padding: '6px 12px 6px 0', textAlign: 'right' } as const

/** For people: the same numbers that agents ask for. */
export default async function Home() {
  const { id } = await postern.requirePrincipal(undefined, { route: '/*' })
  return (
    <main>
      <h1>MMM Wizard</h1>
      <p>
        Signed in as <strong>{decodeURIComponent(id)}</strong>. Agents' keys are{' '}
        <a href="/admin/api-keys">managed here</a>. What each channel brought in over two years:
      </p>
      <table style={{ borderCollapse: 'collapse', width: '100%' }}>
        <thead>
          <tr>
            {['Channel', 'Spend', 'Revenue', 'For each euro'].map((title, at) => (
              <th key={title} scope="col" style={{ ...cell, textAlign: at === 0 ? 'left' : 'right' }}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {contributions(fit(data), data).map(({ channel, spend, revenue, returnOnSpend }) => (
            <tr key={channel}>
              <th scope="row" style={{ ...cell, fontWeight: 'normal', textAlign: 'left' }}>
                {channel}
              </th>
              <td style={cell}>{euros.format(spend)}</td>
              <td style={cell}>{euros.format(revenue)}</td>
              <td style={cell}>{returnOnSpend.toFixed(2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </main>
  )
}
