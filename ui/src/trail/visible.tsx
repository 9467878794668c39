import { visiblePieces } from './visible-text.ts'

/** Text that strangers chose. What would hide or turn it is written out, and it can't turn what stands around it. */
export function Visible({ text, className }: { text: string; className?: string }) {
  return (
    <bdi className={className}>
      {visiblePieces(text).map(({ text: piece, isEscaped }, index) =>
        isEscaped ? (
          <span key={`${index}`} className="rounded-sm bg-warn-soft font-mono text-[0.9em] text-warn">
            {piece}
          </span>
        ) : (
          piece
        ),
      )}
    </bdi>
  )
}
