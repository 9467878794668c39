/** The sign of the page: a door in a wall. */
export function Mark() {
  return (
    <svg viewBox="0 0 16 16" className="size-6 shrink-0" aria-hidden>
      <rect width="16" height="16" rx="3.5" className="fill-accent" />
      <path
        d="M5 13V6.5a3 3 0 0 1 6 0V13"
        fill="none"
        strokeWidth="1.6"
        strokeLinecap="round"
        className="stroke-accent-ink"
      />
      <circle cx="9" cy="9.75" r=".9" className="fill-accent-ink" />
    </svg>
  )
}
