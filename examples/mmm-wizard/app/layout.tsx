import type { ReactNode } from 'react'

export const metadata = { title: 'MMM Wizard' }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body style={{ font: '16px/1.5 system-ui, sans-serif', margin: '0 auto', maxWidth: 720, padding: 24 }}>
        {children}
      </body>
    </html>
  )
}
