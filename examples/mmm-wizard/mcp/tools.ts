import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { contributions, currentBudget, forecast, reallocate } from '../model/budget.ts'
import { sampleData } from '../model/data.ts'
import { fit } from '../model/fit.ts'

/** One tool: what the MCP endpoint and the REST routes both offer. */
export interface Tool {
  name: string
  description: string
  input: z.ZodObject
  run: (input: never) => object
}

// Fitted once for the process: the data doesn't change.
const data = sampleData()
const model = fit(data)

const names = data.channels.map(({ name }) => name)
const weeks = z.int().min(1).max(26).default(8).describe('How many weeks ahead')
const budget = z
  .partialRecord(z.enum(names), z.number().min(0).max(10_000_000))
  .describe('Euros a week by channel; channels that are left out keep what they get now')

export const tools: readonly Tool[] = [
  tool(
    'list_channels',
    'Lists the channels with their average weekly spend of the last quarter, in euros.',
    z.object({}),
    () => ({
      channels: Object.entries(currentBudget(data)).map(([name, weeklySpend]) => ({ name, weeklySpend })),
    }),
  ),
  tool(
    'fit_model',
    'Says how each channel works: how long its effect lasts (adstock) and where it saturates, as fitted to two years of data.',
    z.object({}),
    () => ({
      rSquared: rounded(model.rSquared, 3),
      channels: model.channels.map(({ name, decay, halfSaturation, ceiling }) => ({
        name,
        carriedIntoNextWeek: decay,
        halfSaturationSpend: Math.round(halfSaturation),
        mostRevenueAWeek: Math.round(ceiling),
      })),
    }),
  ),
  tool(
    'contribution_by_channel',
    'Says what each channel brought in over two years: revenue, share of all revenue, and revenue for each euro.',
    z.object({}),
    () => ({
      channels: contributions(model, data).map((each) => ({
        ...each,
        share: rounded(each.share, 3),
        returnOnSpend: rounded(each.returnOnSpend, 2),
      })),
    }),
  ),
  tool(
    'forecast_revenue',
    'Forecasts the revenue of the coming weeks in euros for a weekly budget.',
    z.object({ budget: budget.default({}), weeks }),
    (input) => {
      const asked = currentBudget(data)
      for (const [name, spend] of Object.entries(input.budget)) asked[name] = spend ?? 0
      const weekly = forecast(model, asked, input.weeks)
      return { budget: asked, weekly, total: weekly.reduce((sum, each) => sum + each, 0) }
    },
  ),
  tool(
    'reallocate_budget',
    'Splits a weekly total over the channels so that it brings in the most, and compares it with the budget of now.',
    z.object({
      total: z
        .number()
        .min(1)
        .max(10_000_000)
        .optional()
        .describe('Euros a week; without it, what is spent now'),
      weeks,
    }),
    ({ total, weeks: ahead }) => {
      const now = currentBudget(data)
      const spent = Object.values(now).reduce((sum, each) => sum + each, 0)
      const best = reallocate(model, total ?? spent)
      const revenueOf = (each: Record<string, number>) =>
        forecast(model, each, ahead).reduce((sum, week) => sum + week, 0)
      return { now, best, revenueNow: revenueOf(now), revenueBest: revenueOf(best) }
    },
  ),
]

/** A server with all tools, for one request; what it answers says for whom it worked. */
export function createServer(serviceUser: string): McpServer {
  const server = new McpServer({ name: 'mmm-wizard', version: '1.0.0' })
  for (const { name, description, input, run } of tools) {
    server.registerTool(name, { description, inputSchema: input }, (given) => {
      const structuredContent = { ...run(given as never), askedBy: serviceUser }
      return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent }
    })
  }
  return server
}

function tool<Input extends z.ZodObject>(
  name: string,
  description: string,
  input: Input,
  run: (input: z.output<Input>) => object,
): Tool {
  return { name, description, input, run }
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
