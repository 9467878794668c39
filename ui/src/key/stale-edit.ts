/**
 * An edit on top of what is there by now: what was typed stays, and what was not touched takes the new value. Saving
 * it under the new version overwrites nothing unseen.
 */
export function rebased<Shape extends object>(was: Shape, isNow: Shape, typed: Shape): Shape {
  const fields = Object.keys(was) as (keyof Shape)[]
  return Object.fromEntries(
    fields.map((field) => [field, isSame(was[field], typed[field]) ? isNow[field] : typed[field]]),
  ) as Shape
}

/** Only the fields that differ: what a PATCH sends. */
export function changedFields<Shape extends object>(was: Shape, typed: Shape): Partial<Shape> {
  const fields = Object.keys(was) as (keyof Shape)[]
  return Object.fromEntries(
    fields.filter((field) => !isSame(was[field], typed[field])).map((field) => [field, typed[field]]),
  ) as Partial<Shape>
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
