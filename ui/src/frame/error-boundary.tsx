import { Component, type ReactNode } from 'react'
import { ErrorState } from '../components/states.tsx'

interface ErrorBoundaryProps {
  /** The path: another one is another try. */
  path: string
  children: ReactNode
}

/** A view that fails takes only itself away. React knows no other way to write this than a class. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { error: unknown }> {
  override state: { error: unknown } = { error: null }

  override componentDidUpdate(before: ErrorBoundaryProps): void {
    if (before.path !== this.props.path && this.state.error !== null) this.setState({ error: null })
  }

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error: error ?? new Error('unknown') }
  }

  override render() {
    if (this.state.error === null) return this.props.children
    return (
      <div className="mx-auto max-w-3xl p-6">
        <ErrorState
          error={this.state.error}
          title="This view failed"
          onRetry={() => this.setState({ error: null })}
        />
      </div>
    )
  }
}
