const lastChunk = '\r\n0\r\n\r\n'

/**
 * Reads the answers of one connection, one after another; `onAnswer` is told each one's status and how many bytes came
 * after its head. Without a length the body comes in chunks, as from Next, and the empty one is the last.
 */
export function answerReader(onAnswer) {
  let head = ''
  let status = 0
  let length = null
  let bodyBytes = 0
  let end = ''

  return (chunk) => {
    let body = chunk
    if (status === 0) {
      const text = head + chunk.latin1Slice()
      const bodyAt = text.indexOf('\r\n\r\n') + 4
      if (bodyAt === 3) {
        head = text
        return
      }
      status = Number(text.slice(9, 12))
      length = /\r\ncontent-length: *([0-9]+)/i.exec(text.slice(0, bodyAt))
      body = chunk.subarray(bodyAt - head.length)
      bodyBytes = 0
      end = '\r\n'
      head = ''
    }
    bodyBytes += body.length
    if (length === null) {
      end = (end + body.latin1Slice(Math.max(0, body.length - lastChunk.length))).slice(-lastChunk.length)
      if (end !== lastChunk) return
    } else if (bodyBytes < Number(length[1])) return
    const answered = status
    status = 0
    onAnswer(answered, bodyBytes)
  }
}
