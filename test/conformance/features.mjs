// @ts-nocheck: plain programs around what the suite and the SDK hand over untyped.
// What the server of the conformance run offers, by the names that the suite knows.

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA='

const text = (value) => ({ content: [{ type: 'text', text: value }] })
const embedded = (uri, mimeType = 'text/plain') => ({
  type: 'resource',
  resource: { uri, mimeType, text: 'An embedded resource.' },
})
const image = { type: 'image', data: png, mimeType: 'image/png' }
const nothing = { type: 'object', properties: {} }
const stringNamed = (name) => ({
  type: 'object',
  properties: { [name]: { type: 'string' } },
  required: [name],
})

const elicit = (message, requestedSchema) => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema },
})
const sample = (prompt, maxTokens) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens },
})
const roots = { method: 'roots/list', params: {} }

const enums = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: {
      type: 'string',
      oneOf: [
        { const: 'value1', title: 'First Option' },
        { const: 'value2', title: 'Second Option' },
        { const: 'value3', title: 'Third Option' },
      ],
    },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: {
      type: 'array',
      items: {
        anyOf: [
          { const: 'value1', title: 'First Choice' },
          { const: 'value2', title: 'Second Choice' },
          { const: 'value3', title: 'Third Choice' },
        ],
      },
    },
  },
}

const defaults = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
}

const richSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // Not written out: to the linter this would be a promise.
  ...JSON.parse('{"then":{"required":["phone"]}}'),
  else: { required: ['email'] },
  additionalProperties: false,
}

const headersSchema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    query: { type: 'string' },
  },
}

/** The features of one server; what the SDK has for them is given. */
export function featuresOf({ mint, tell, missing, invalid }) {
  const calls = {
    test_simple_text: () => text('This is a simple text response for testing.'),
    test_image_content: () => ({ content: [image] }),
    test_audio_content: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }),
    test_embedded_resource: () => ({ content: [embedded('test://embedded-resource')] }),
    test_multiple_content_types: () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        image,
        embedded('test://mixed-content-resource', 'application/json'),
      ],
    }),
    test_error_handling: () => ({
      ...text('This tool intentionally returns an error for testing'),
      isError: true,
    }),
    async test_tool_with_logging(_args, context) {
      for (const step of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await context.mcpReq.log('info', step)
        await pause(50)
      }
      return text('Logged.')
    },
    async test_tool_with_progress(_args, context) {
      const progressToken = context.mcpReq['_meta']?.progressToken
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await context.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` },
          })
        await pause(50)
      }
      return text(String(progressToken))
    },
    async test_sampling({ prompt = 'Hello' }, context) {
      const result = await context.mcpReq.requestSampling(sample(prompt, 100).params)
      return text(`LLM response: ${JSON.stringify(result.content)}`)
    },
    test_elicitation: ({ message = 'Who?' }, context) =>
      ask(context, message, {
        type: 'object',
        properties: { username: { type: 'string' }, email: { type: 'string' } },
        required: ['username', 'email'],
      }),
    test_elicitation_sep1034_defaults: (_args, context) => ask(context, 'Please review', defaults),
    test_elicitation_sep1330_enums: (_args, context) => ask(context, 'Please choose', enums),
    async test_reconnection(_args, context) {
      context.http?.closeSSE?.()
      await pause(100)
      return text('Reconnection test completed successfully.')
    },
    json_schema_2020_12_tool: (args) => text(JSON.stringify(args)),
    test_custom_headers: (args) => text(JSON.stringify(args)),
    test_custom_headers_null: (args) => text(JSON.stringify(args)),
    test_missing_capability(_args, context) {
      need(context, 'sampling')
      return text('The client can sample.')
    },
    test_logging_tool: async (_args, context) => {
      await context.mcpReq.log('info', 'A log line')
      return text('Logged.')
    },
    test_streaming_elicitation: (_args, context) =>
      rounds(context, { user_name: elicit('What is your name?', stringNamed('name')) }),
    test_trigger_tool_change: () => (tell('tools'), text('Changed.')),
    test_trigger_prompt_change: () => (tell('prompts'), text('Changed.')),
    test_input_required_result_elicitation: (_args, context) =>
      rounds(context, { user_name: elicit('What is your name?', stringNamed('name')) }),
    test_input_required_result_sampling: (_args, context) =>
      rounds(context, { capital_question: sample('What is the capital of France?', 100) }),
    test_input_required_result_list_roots: (_args, context) => rounds(context, { client_roots: roots }),
    async test_input_required_result_request_state(_args, context) {
      const asked = rounds(context, { confirm: elicit('Please confirm', okSchema) })
      return asked.resultType === undefined && stateOf(context) !== null
        ? text('state-ok')
        : {
            ...again({ confirm: elicit('Please confirm', okSchema) }),
            requestState: await mint({ round: 1 }, context),
          }
    },
    async test_input_required_result_multiple_inputs(_args, context) {
      const inputs = {
        user_name: elicit('What is your name?', stringNamed('name')),
        greeting: sample('Generate a greeting', 50),
        client_roots: roots,
      }
      const asked = rounds(context, inputs)
      return asked.resultType === undefined
        ? asked
        : { ...asked, requestState: await mint({ round: 1 }, context) }
    },
    async test_input_required_result_multi_round(_args, context) {
      const round = stateOf(context)?.round ?? 0
      const given = context.mcpReq.inputResponses ?? {}
      if (round === 1 && given.step1 !== undefined)
        return {
          ...again({ step2: elicit('Step 2: What is your favorite color?', stringNamed('color')) }),
          requestState: await mint({ round: 2 }, context),
        }
      if (round === 2 && given.step2 !== undefined) return text('All rounds are done.')
      return {
        ...again({ step1: elicit('Step 1: What is your name?', stringNamed('name')) }),
        requestState: await mint({ round: 1 }, context),
      }
    },
    async test_input_required_result_tampered_state(_args, context) {
      if (stateOf(context) !== null) return text('state-ok')
      return {
        ...again({ confirm: elicit('Please confirm', okSchema) }),
        requestState: await mint({ a: 1 }, context),
      }
    },
    test_input_required_result_capabilities(_args, context) {
      const can = context.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {}
      const inputs = {
        ...(can.elicitation === undefined
          ? {}
          : { user_name: elicit('What is your name?', stringNamed('name')) }),
        ...(can.sampling === undefined ? {} : { greeting: sample('Generate a greeting', 50) }),
        ...(can.roots === undefined ? {} : { client_roots: roots }),
      }
      return rounds(context, inputs)
    },
  }
  const schemas = {
    json_schema_2020_12_tool: richSchema,
    test_custom_headers: headersSchema,
    test_custom_headers_null: headersSchema,
    test_sampling: stringNamed('prompt'),
    test_elicitation: stringNamed('message'),
  }
  const okSchema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] }
  const message = (content) => ({ role: 'user', content })
  const said = (words) => message({ type: 'text', text: words })
  const gotten = {
    test_simple_prompt: () => [said('This is a simple prompt for testing.')],
    test_prompt_with_arguments: ({ arg1, arg2 }) => [
      said(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
    ],
    test_prompt_with_embedded_resource: ({ resourceUri }) => [
      message(embedded(resourceUri)),
      said('Please process the embedded resource above.'),
    ],
    test_prompt_with_image: () => [message(image), said('Please analyze the image above.')],
    test_input_required_result_prompt: () => [said('Done.')],
  }
  const named = (...names) => names.map((name) => ({ name, description: name, required: true }))
  const promptArguments = {
    test_prompt_with_arguments: named('arg1', 'arg2'),
    test_prompt_with_embedded_resource: named('resourceUri'),
  }

  function need(context, capability) {
    const can = context.mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {}
    if (can[capability] === undefined) throw missing(capability)
  }

  return {
    tools: Object.keys(calls).map((name) => ({
      name,
      description: `For the suite: ${name}`,
      inputSchema: schemas[name] ?? nothing,
    })),
    prompts: Object.keys(gotten).map((name) => ({
      name,
      description: `For the suite: ${name}`,
      ...(promptArguments[name] === undefined ? {} : { arguments: promptArguments[name] }),
    })),
    resources: [
      { uri: 'test://static-text', name: 'static-text', description: 'A text', mimeType: 'text/plain' },
      { uri: 'test://static-binary', name: 'static-binary', description: 'An image', mimeType: 'image/png' },
      {
        uri: 'test://watched-resource',
        name: 'watched-resource',
        description: 'A text',
        mimeType: 'text/plain',
      },
    ],
    templates: [
      {
        uriTemplate: 'test://template/{id}/data',
        name: 'template',
        description: 'By id',
        mimeType: 'application/json',
      },
    ],
    callTool({ name, arguments: args = {} }, context) {
      if (!Object.hasOwn(calls, name)) throw invalid(`Unknown tool: ${name}`)
      return calls[name](args, context)
    },
    getPrompt({ name, arguments: args = {} }, context) {
      if (!Object.hasOwn(gotten, name)) throw invalid(`Unknown prompt: ${name}`)
      if (name === 'test_input_required_result_prompt') {
        const asked = rounds(context, {
          user_context: elicit('What context should the prompt use?', stringNamed('context')),
        })
        if (asked.resultType !== undefined) return asked
      }
      return { messages: gotten[name](args) }
    },
    readResource(uri) {
      if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: png }] }
      if (uri === 'test://static-text' || uri === 'test://watched-resource')
        return {
          contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the text resource.' }],
        }
      const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1]
      if (id === undefined) return null
      const data = { id, templateTest: true, data: `Data for ID: ${id}` }
      return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(data) }] }
    },
  }
}

const pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

async function ask(context, message, requestedSchema) {
  const { action, content } = await context.mcpReq.elicitInput({ mode: 'form', message, requestedSchema })
  return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content ?? {})}`)
}

const again = (inputRequests) => ({ resultType: 'input_required', inputRequests })

/** Asks for what is missing, or says that all is there. */
function rounds(context, inputRequests) {
  const given = context.mcpReq.inputResponses ?? {}
  const left = Object.keys(inputRequests).filter((key) => !isAnswer(inputRequests[key].method, given[key]))
  return left.length > 0 ? again(inputRequests) : text(`Got ${JSON.stringify(given)}`)
}

function isAnswer(method, answer) {
  if (typeof answer !== 'object' || answer === null) return false
  if (method === 'elicitation/create') return answer.action === 'accept' && typeof answer.content === 'object'
  return method === 'roots/list' ? Array.isArray(answer.roots) : answer.content !== undefined
}

function stateOf(context) {
  const read = context.mcpReq.requestState
  const found = typeof read === 'function' ? read() : read
  return found ?? null
}
