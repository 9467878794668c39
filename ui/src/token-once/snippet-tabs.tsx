import { useState } from 'react'
import { clientSnippets, type Snippet, type SnippetClient } from '../../../src/mcp/client-snippets.ts'
import { useMe } from '../api/me.ts'
import { CodeBlock } from '../components/code-block.tsx'
import { Field } from '../components/field.tsx'
import { Select } from '../components/select.tsx'
import { Tabs } from '../components/tabs.tsx'

/** What to paste where, client by client. With a token it is in its place; without, its variable or a placeholder. */
export function SnippetTabs({ token }: { token: string | null }) {
  const { name, mcpUrls } = useMe().deployment
  const [client, setClient] = useState<SnippetClient>('claude-code')
  const [chosenUrl, setUrl] = useState<string | null>(null)
  const url = chosenUrl ?? mcpUrls[0]?.url
  if (url === undefined)
    return (
      <p className="text-[13px] text-muted">
        No MCP route here takes service keys. Send the token as{' '}
        <code className="font-mono text-xs">Authorization: Bearer …</code> to a route that does.
      </p>
    )
  const snippets = clientSnippets({ name, url, token })
  const snippet = snippets.find((each) => each.client === client) ?? snippets[0]
  return (
    <div className="space-y-3">
      {mcpUrls.length < 2 ? null : (
        <Field label="Endpoint">
          {(control) => (
            <Select
              {...control}
              options={mcpUrls.map((each) => ({ value: each.url, label: each.url }))}
              value={url}
              onChange={setUrl}
            />
          )}
        </Field>
      )}
      <Tabs
        label="Clients"
        tabs={snippets.map((each) => ({ value: each.client, label: each.title }))}
        value={client}
        onChange={setClient}
      >
        {snippet === undefined ? null : <SnippetPanel snippet={snippet} hasToken={token !== null} />}
      </Tabs>
    </div>
  )
}

function SnippetPanel({ snippet, hasToken }: { snippet: Snippet; hasToken: boolean }) {
  const hints = [
    snippet.file === null ? null : 'Merge it with what the file holds already.',
    snippet.environment === null
      ? null
      : `It reads the key from ${snippet.environment}${hasToken ? ': the .env file has it' : ''}.`,
    snippet.asksForKey ? 'It asks for the key when it starts the server: paste the token then.' : null,
    snippet.needs === 'postern-connect'
      ? 'It starts the bridge postern-connect, which needs Node 20.19 or newer on that machine.'
      : null,
  ].filter((hint) => hint !== null)
  return (
    <>
      <CodeBlock
        code={snippet.text}
        what={`Snippet for ${snippet.title}`}
        label={snippet.file ?? snippet.title}
      />
      {hints.length === 0 ? null : <p className="mt-2 text-xs text-muted">{hints.join(' ')}</p>}
    </>
  )
}
