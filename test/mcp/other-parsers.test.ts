import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Server, createMcpHandler } from '@modelcontextprotocol/server'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCalls, type McpHeaders } from '../../src/mcp/read-calls.ts'
import { has, type Program } from '../programs.ts'
import { parserModels, runsOf, type Run } from './parser-models.ts'

const headers: McpHeaders = {
  contentType: 'application/json',
  contentEncoding: null,
  protocolVersion: null,
  mcpMethod: null,
  mcpName: null,
}

/** JSON text that need not be sound as a message. */
type Raw = fc.Arbitrary<string>

const names = ['jsonrpc', 'id', 'method', 'params', 'result', 'error', 'name', 'uri', 'taskId', 'arguments']
const tools = ['greet', 'danger', 'Greet', '__proto__']

/** Ways to write a key that some parser takes for the one it looks like; each is given a place within the key. */
const disguises: ((key: string, at: number) => string)[] = [
  (key) => key,
  (key) => key.toUpperCase(),
  (key, at) => key.slice(0, at) + key.charAt(at).toUpperCase() + key.slice(at + 1),
  (key) => key.replace('s', 'ſ').replace('k', '\u212a'),
  (key, at) => key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) + 0xfee0) + key.slice(at + 1),
  (key) => `${key}\0`,
  (key) => `${key}\0more`,
  (key, at) => `${key.slice(0, at)}\0${key.slice(at)}`,
  (key) => ` ${key}`,
  (key) => `${key}\t\u00a0`,
  (key) => `${key}s`,
  (key, at) => key.slice(0, at),
]
const anyKey = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('method', 'params', 'name') },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...names), fc.constantFrom(...disguises), fc.nat(5))
      .map(([key, disguise, at]) => disguise(key, at % key.length)),
  },
)

/** A string as JSON, some of its characters as escapes. */
function written(value: fc.Arbitrary<string>): Raw {
  return fc.tuple(value, fc.infiniteStream(fc.nat(9))).map(([text, dice]) => {
    const escaped = Array.from(text, (character) => {
      const isEscaped = dice.next().value === 0
      const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      if (isEscaped) return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
      return JSON.stringify(character).slice(1, -1)
    })
    return `"${escaped.join('')}"`
  })
}

const gap = fc.constantFrom('', '', '', ' ', '\n', '\t\r ')
const member = (key: Raw, value: Raw): Raw =>
  fc
    .tuple(gap, key, gap, gap, value, gap)
    .map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`)

/** These members in any order, with extra ones among them. */
function objectOf(members: Raw[], extra: Raw): Raw {
  return fc
    .tuple(
      fc.tuple(...members),
      fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(extra, { maxLength: 2 })),
    )
    .chain(([own, extras]) =>
      fc.shuffledSubarray([...own, ...extras], { minLength: own.length + extras.length }),
    )
    .map((all) => `{${all.join(',')}}`)
}

const key = (name: string) => written(fc.constant(name))
const tool = written(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...tools) },
    fc.string({ unit: 'grapheme', maxLength: 5 }),
    fc.constantFrom('greet\0', 'greet\0danger', ' greet'),
  ),
)
const method = written(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant('tools/call') },
    fc.constantFrom('ping', 'tools/list', 'Tools/call', 'tools/call\0', 'tools/call ', 'prompts/get'),
  ),
)
const anyValue: Raw = fc.oneof(
  tool,
  method,
  fc.constantFrom('1', 'null', 'true', '{}', '[]', '{"name":"danger"}', '{"NAME":"danger","a":[{"name":1}]}'),
)
const extra = member(written(anyKey), anyValue)
const argumentsOf = objectOf([], extra)
const params = objectOf([member(key('name'), tool), member(key('arguments'), argumentsOf)], extra)
const message = objectOf(
  [
    member(key('jsonrpc'), key('2.0')),
    member(key('id'), fc.constantFrom('1', '"a"')),
    member(key('method'), method),
    member(key('params'), params),
  ],
  extra,
)
const response = objectOf(
  [
    member(key('jsonrpc'), key('2.0')),
    member(key('id'), fc.constant('1')),
    member(key('result'), argumentsOf),
  ],
  extra,
)
const body = fc
  .oneof(
    { weight: 6, arbitrary: message },
    response,
    fc.array(message, { minLength: 1, maxLength: 3 }).map((batch) => `[${batch.join(',')}]`),
  )
  .map((text) => Buffer.from(text))

/** What was authorised, where the body is accepted. */
function acceptedRuns(bytes: Buffer, of: McpHeaders = headers): Run[] | null {
  const result = readCalls(bytes, of)
  return result.ok ? result.body.messages.map(({ method, tool }) => ({ method, tool })) : null
}

interface Vector {
  headers?: Partial<McpHeaders>
  body?: string
  bodyBase64?: string
}

const vectorsUrl = new URL('../../vectors/mcp-bodies.json', import.meta.url)
const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(vectorsUrl, 'utf8'))

/** The vectors that are accepted, and what was authorised in them. */
const acceptedVectors = vectors.flatMap(({ headers: own, body, bodyBase64 }) => {
  const bytes = bodyBase64 === undefined ? Buffer.from(body ?? '') : Buffer.from(bodyBase64, 'base64')
  const runs = acceptedRuns(bytes, { ...headers, ...own })
  return runs === null ? [] : [{ bytes, runs }]
})

describe('T8: no other parser finds another call in a body that is accepted', () => {
  it('however it reads keys, whatever the body', () => {
    let accepted = 0
    let ambiguous = 0
    fc.assert(
      fc.property(body, (bytes) => {
        const found = parserModels.map((model) => runsOf(model, bytes))
        if (new Set(found.map((runs) => JSON.stringify(runs))).size > 1) ambiguous++
        const runs = acceptedRuns(bytes)
        if (runs === null) return
        accepted++
        for (const [at, model] of parserModels.entries()) expect(found[at], model.name).toEqual(runs)
      }),
      { numRuns: 4000 },
    )
    // Enough of both kinds, or nothing was tested.
    expect(accepted).toBeGreaterThan(400)
    expect(ambiguous).toBeGreaterThan(400)
  })

  it.each(parserModels.map((model) => [model.name, model] as const))('in the vectors: %s', (_name, model) => {
    expect(acceptedVectors.length).toBeGreaterThan(30)
    for (const { bytes, runs } of acceptedVectors) expect(runsOf(model, bytes)).toEqual(runs)
  })

  it.each([
    ['keeps the first', '"name":"danger","name":"greet"'],
    ['keeps the last', '"name":"greet","name":"danger"'],
    ['ignores case', '"name":"greet","Name":"danger"'],
    ['ends strings at a NUL', String.raw`"name":"greet","name\u0000x":"danger"`],
    ['ends strings at a NUL', String.raw`"name":"danger\u0000greet"`],
    ['leaves NULs out', String.raw`"name":"greet","na\u0000me":"danger"`],
    ['trims keys', '"name":"greet"," name ":"danger"'],
    ['normalises keys', '"name":"greet","ｎame":"danger"'],
    ['does all of this', String.raw`"name":"greet"," Ｎame\u0000x":"danger"`],
  ])('a parser that %s runs another tool in {%s}, and it is refused', (part, members) => {
    const bytes = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${members}}}`)
    const fooled = parserModels.filter(({ name }) => name.includes(part))
    expect(fooled.flatMap((model) => runsOf(model, bytes))).toContainEqual({
      method: 'tools/call',
      tool: 'danger',
    })
    expect(readCalls(bytes, headers)).toMatchObject({ ok: false, reason: 'body_ambiguous' })
  })
})

/**
 * Real parsers of other languages: each reads one base64 body a line, and prints for each what it would run. Keys
 * are looked up as a backend in that language does.
 */
const languages: { program: Program; args: string[] }[] = [
  {
    program: 'python3',
    args: [
      '-c',
      `
import base64, json, sys
def run(message):
    message = message if isinstance(message, dict) else {}
    method = message.get('method')
    params = message.get('params')
    name = params.get('name') if isinstance(params, dict) else None
    return {'method': method, 'tool': name if method == 'tools/call' else None}
for line in sys.stdin:
    body = json.loads(base64.b64decode(line))
    print(json.dumps([run(message) for message in (body if isinstance(body, list) else [body])]))
`,
    ],
  },
  {
    program: 'perl',
    args: [
      '-MJSON::PP',
      '-MMIME::Base64',
      '-ne',
      `
BEGIN { our $json = JSON::PP->new->utf8->allow_nonref; $| = 1 }
my $body = $json->decode(decode_base64($_));
my @found = map {
  my $params = ref $_->{params} eq 'HASH' ? $_->{params} : {};
  { method => $_->{method}, tool => ($_->{method} // '') eq 'tools/call' ? $params->{name} : undef }
} ref $body eq 'ARRAY' ? @$body : ($body);
print $json->encode(\\@found), "\\n";
`,
    ],
  },
  {
    program: 'jq',
    args: [
      '-Rc',
      `@base64d | fromjson | (if type == "array" then . else [.] end)
       | map({method, tool: (if .method == "tools/call" then (.params | objects | .name) // null else null end)})`,
    ],
  },
]

describe.each(languages)('T8: $program', ({ program, args }) => {
  it.skipIf(!has(program))('finds the calls that were authorised, in bodies of all kinds', () => {
    const generated = fc.sample(body, 2000).flatMap((bytes) => {
      const runs = acceptedRuns(bytes)
      return runs === null ? [] : [{ bytes, runs }]
    })
    expect(generated.length).toBeGreaterThan(200)
    const all = [...generated, ...acceptedVectors]
    const input = all.map(({ bytes }) => `${bytes.toString('base64')}\n`).join('')
    const output = execFileSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 26 })
    const lines = output.trim().split('\n')
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(all.map(({ runs }) => runs))
  })
})

describe("T8: the SDK's own server", () => {
  it('runs the tool that was authorised, or none, in bodies of all kinds', async () => {
    const ran: string[] = []
    const handler = createMcpHandler(() => {
      const server = new Server({ name: 'fuzz', version: '1' }, { capabilities: { tools: {} } })
      server.setRequestHandler('tools/call', ({ params }) => {
        ran.push(params.name)
        return { content: [] }
      })
      return server
    })
    let calls = 0
    for (const bytes of fc.sample(body, 400)) {
      const runs = acceptedRuns(bytes)
      if (runs === null) continue
      ran.length = 0
      const answer = await handler.fetch(
        new Request('http://localhost/mcp', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
          body: new Uint8Array(bytes),
        }),
      )
      await answer.text()
      const authorised = runs.map(({ tool }) => tool)
      for (const tool of ran) expect(authorised).toContain(tool)
      calls += ran.length
    }
    await handler.close()
    expect(calls).toBeGreaterThan(10)
  })
})
