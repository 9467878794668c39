import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiProblem, parseProblem, problemOf } from '../../../ui/src/api/problem.ts'

describe('reading a refusal', () => {
  it('keeps the code, the field and the sentence of problem details, and what else they say', () => {
    const problem = parseProblem(
      409,
      JSON.stringify({
        type: 'about:blank',
        title: 'Conflict',
        status: 409,
        code: 'already_rotated',
        detail: 'it was rotated already',
        field: 'id',
        successorId: 's',
      }),
    )
    expect(problem).toMatchObject({
      status: 409,
      code: 'already_rotated',
      detail: 'It was rotated already.',
      field: 'id',
    })
    expect(problem.more['successorId']).toBe('s')
  })

  it('reads the codes of the login in the same form', () => {
    expect(parseProblem(400, '{"code":"INVALID_PASSWORD","message":"Invalid password"}')).toMatchObject({
      code: 'invalid_password',
      detail: 'Invalid password.',
      field: null,
    })
  })

  it.each([
    '',
    'null',
    '[]',
    '"text"',
    '<html>Bad gateway</html>',
    '{"code":7}',
    '{"code":""}',
    '{"detail":"x"}',
  ])('calls what is no problem an unexpected answer: %j', (text) => {
    expect(parseProblem(502, text)).toMatchObject({ status: 502, code: 'unexpected_answer', field: null })
  })

  it('never throws, and always has a code and a sentence', () => {
    const shape = fc.record(
      {
        code: fc.oneof(fc.string(), fc.jsonValue()),
        detail: fc.oneof(fc.string(), fc.jsonValue()),
        message: fc.oneof(fc.string(), fc.jsonValue()),
        field: fc.oneof(fc.string(), fc.jsonValue()),
        __proto__: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 599 }),
        fc.oneof(
          fc.string(),
          fc.json(),
          shape.map((value) => JSON.stringify(value)),
        ),
        (status, text) => {
          const problem = parseProblem(status, text)
          expect(problem).toBeInstanceOf(ApiProblem)
          expect(problem.code).not.toBe('')
          expect(problem.detail.trim()).not.toBe('')
        },
      ),
    )
  })

  it('makes a problem of whatever was thrown', () => {
    expect(problemOf(new TypeError('x')).code).toBe('unexpected_error')
    const own = new ApiProblem(400, 'name_invalid', 'Name it.')
    expect(problemOf(own)).toBe(own)
  })
})
