import { setTimeout as sleep } from 'node:timers/promises'
import { McpServer, type CallToolResult, type ServerContext } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { version } from '../version.gen.ts'

/** Sample data: weekly spend in euros, and what the channel brings in as its spend grows. */
const channels = [
  { name: 'search', weeklySpend: 12_000, ceiling: 90_000, halfSaturation: 15_000 },
  { name: 'social', weeklySpend: 8_000, ceiling: 55_000, halfSaturation: 12_000 },
  { name: 'video', weeklySpend: 15_000, ceiling: 80_000, halfSaturation: 30_000 },
  { name: 'newsletter', weeklySpend: 900, ceiling: 14_000, halfSaturation: 1_200 },
] as const

const baselineRevenue = 40_000
const channelNames = channels.map(({ name }) => name)

/** A fresh server with the demo's tools: the SDK wants one for each request. `whoami` reads the header named here. */
export function createDemoServer(serviceUserHeader: string): McpServer {
  const server = new McpServer({ name: 'postern-demo', version })

  server.registerTool(
    'list_channels',
    {
      description: 'Lists the marketing channels with their weekly spend in euros.',
      inputSchema: z.object({}),
    },
    () => result({ channels: channels.map(({ name, weeklySpend }) => ({ name, weeklySpend })) }),
  )

  server.registerTool(
    'forecast_revenue',
    {
      description:
        'Forecasts the revenue of some weeks in euros, optionally with another spend for a channel.',
      inputSchema: z.object({
        weeks: z.int().min(1).max(52).default(4),
        channel: z.enum(channelNames).optional(),
        weeklySpend: z.number().min(0).max(1_000_000).optional(),
      }),
    },
    ({ weeks, channel, weeklySpend }) => {
      if ((channel === undefined) !== (weeklySpend === undefined)) {
        return failure('Give both a channel and its weeklySpend, or neither.')
      }
      const spendOf = (each: (typeof channels)[number]) =>
        each.name === channel ? (weeklySpend ?? each.weeklySpend) : each.weeklySpend
      return result({ weeks, revenue: Math.round(weeks * weeklyRevenue(spendOf)) })
    },
  )

  server.registerTool(
    'slow_report',
    {
      description: 'Writes a report, slowly: for trying out time-outs and cancellation.',
      inputSchema: z.object({ seconds: z.number().min(0).max(30).default(2) }),
    },
    async ({ seconds }, context) => {
      await wait(seconds * 1000, context)
      const spend = channels.reduce((sum, { weeklySpend }) => sum + weeklySpend, 0)
      return result({ seconds, weeklySpend: spend, weeklyRevenue: Math.round(weeklyRevenue()) })
    },
  )

  server.registerTool(
    'count_with_progress',
    {
      description: 'Counts up and reports each step as progress: for trying out streams.',
      inputSchema: z.object({
        to: z.int().min(1).max(100).default(5),
        delayMs: z.int().min(0).max(1000).default(200),
      }),
    },
    async ({ to, delayMs }, context) => {
      for (let count = 1; count <= to; count++) {
        await wait(delayMs, context)
        await reportProgress(context, count, to)
      }
      return result({ counted: to })
    },
  )

  server.registerTool(
    'always_fails',
    { description: 'Fails: for seeing how a failed tool looks.', inputSchema: z.object({}) },
    () => failure('This tool always fails.'),
  )

  server.registerTool(
    'whoami',
    { description: 'Tells who the backend was told is calling.', inputSchema: z.object({}) },
    (_input, context) => {
      const headers = context.http?.req?.headers
      return result({
        serviceUser: headers?.get(serviceUserHeader) ?? null,
        principal: headers?.get('x-postern-principal') ?? null,
      })
    },
  )

  return server
}

/** A week's revenue in euros: each channel saturates as its spend grows (a Hill curve). */
function weeklyRevenue(
  spendOf = (channel: (typeof channels)[number]): number => channel.weeklySpend,
): number {
  return channels.reduce((sum, channel) => {
    const spend = spendOf(channel)
    return sum + (channel.ceiling * spend) / (channel.halfSaturation + spend)
  }, baselineRevenue)
}

/** Ends early when the call is cancelled, and keeps no closed server's process alive where it can't be. */
async function wait(delayMs: number, context: ServerContext): Promise<void> {
  await sleep(delayMs, undefined, { signal: context.mcpReq.signal, ref: false })
}

async function reportProgress(context: ServerContext, progress: number, total: number): Promise<void> {
  const { _meta: meta } = context.mcpReq
  const progressToken = meta?.progressToken
  if (progressToken === undefined) return
  await context.mcpReq.notify({
    method: 'notifications/progress',
    params: { progressToken, progress, total },
  })
}

function result(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value }
}

function failure(text: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text }] }
}
