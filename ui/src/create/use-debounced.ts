import { useEffect, useState } from 'react'

/** A value as it was once it stood still for `quietMs`: for what is asked of the server while somebody types. */
export function useDebounced<T>(value: T, quietMs: number): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quietMs)
    return () => clearTimeout(timer)
  }, [value, quietMs])
  return settled
}
