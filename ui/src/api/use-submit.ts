import { useQueryClient, type QueryKey } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { createSubmitKeys } from './idempotency.ts'
import { problemOf, type ApiProblem } from './problem.ts'

export interface Submit<Input> {
  /** Sends it. Resolves to whether it was taken; the problem is in `problem`. */
  submit: (input: Input) => Promise<boolean>
  isPending: boolean
  problem: ApiProblem | null
  /** What the server says against one field, for the place beside it. */
  fieldError: (field: string) => string | undefined
  /** What is against no field that the form has: for the place above the buttons. */
  formError: (fields: readonly string[]) => string | undefined
  reset: () => void
}

/**
 * One form's submit. The Idempotency-Key is made once per submit and kept for its retries (the same input
 * again, while no answer said that it was done), so that a lost answer makes nothing twice.
 */
export function useSubmit<Input, Output>(
  send: (input: Input, idempotencyKey: string) => Promise<Output>,
  {
    onDone,
    stale = [],
  }: { onDone?: (output: Output, input: Input) => void; stale?: readonly QueryKey[] } = {},
): Submit<Input> {
  const queries = useQueryClient()
  const [isPending, setPending] = useState(false)
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  const [keys] = useState(() => createSubmitKeys())
  const isSending = useRef(false)

  const submit = async (input: Input): Promise<boolean> => {
    // A second click before the first render after it.
    if (isSending.current) return false
    isSending.current = true
    setPending(true)
    setProblem(null)
    try {
      const output = await send(input, keys.keyFor(input))
      keys.done()
      await Promise.all(stale.map((queryKey) => queries.invalidateQueries({ queryKey })))
      onDone?.(output, input)
      return true
    } catch (error) {
      setProblem(problemOf(error))
      return false
    } finally {
      isSending.current = false
      setPending(false)
    }
  }

  return {
    submit,
    isPending,
    problem,
    fieldError: (field) => (problem?.field === field ? problem.detail : undefined),
    formError: (fields) =>
      problem !== null && (problem.field === null || !fields.includes(problem.field))
        ? problem.detail
        : undefined,
    reset: () => {
      setProblem(null)
      keys.done()
    },
  }
}
