import { notFound } from 'next/navigation'
import { postern } from '../../../../postern'

export const GET = postern.withPostern((request) => {
  const how = new URL(request.url).searchParams.get('how')
  if (how === 'not-found') notFound()
  if (how === 'stream')
    return new Response(
      new ReadableStream({
        pull(controller) {
          controller.error(new Error('broken off'))
        },
      }),
    )
  throw new Error('this handler fails')
})
