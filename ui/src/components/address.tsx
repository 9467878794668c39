import { Fragment } from 'react'
import { Visible } from '../trail/visible.tsx'

/** An e-mail address, which a narrow place breaks before its `@` or a dot rather than inside a word. */
export function Address({ text }: { text: string }) {
  return (
    <bdi title={text}>
      {text.split(/(?=[@.])/).map((part, index) => (
        <Fragment key={`${index}`}>
          {index === 0 ? null : <wbr />}
          <Visible text={part} />
        </Fragment>
      ))}
    </bdi>
  )
}
