import { z } from 'zod'
import { objectExpected } from './route.ts'

/** A group of settings that may be left out whole. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: objectExpected }).prefault({} as never)
}
