import { postern } from '../../../postern'
import { ran } from '../../../runs'

export default async function Report() {
  const caller = await postern.requireServiceUser()
  ran('report')
  return <p>report for {caller.id}</p>
}
