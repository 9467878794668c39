import { headers } from 'next/headers'
import { postern } from '../../../postern'
import { ran } from '../../../runs'

export default async function PeopleHome() {
  const caller = await postern.requirePrincipal()
  ran('people')
  const other = (await headers()).get('x-other-proxy')
  return (
    <p>
      {caller.kind} {caller.id}, {other}
    </p>
  )
}
