/** Sample data of two years, made here from a fixed seed, so that every run sees the same and no file is needed. */

export const weekCount = 104

export interface Channel {
  name: string
  /** Euros a week, oldest first. */
  spend: number[]
}

export interface Dataset {
  channels: Channel[]
  /** Euros a week, oldest first. */
  revenue: number[]
}

/** What the sample was made with, and a fit should find again: the carry-over of a week and the half-way spend. */
export const truth = [
  { name: 'search', weeklySpend: 12_000, decay: 0.1, halfSaturation: 14_000, ceiling: 62_000 },
  { name: 'social', weeklySpend: 8_000, decay: 0.3, halfSaturation: 16_000, ceiling: 40_000 },
  { name: 'video', weeklySpend: 15_000, decay: 0.6, halfSaturation: 45_000, ceiling: 70_000 },
  { name: 'audio', weeklySpend: 4_000, decay: 0.4, halfSaturation: 9_000, ceiling: 12_000 },
  { name: 'newsletter', weeklySpend: 900, decay: 0, halfSaturation: 1_100, ceiling: 9_000 },
] as const

const baseline = 55_000
const growthAWeek = 120
const seasonAmplitude = 9_000
const noiseAmplitude = 2_500

/** The two years of the sample company. */
export function sampleData(): Dataset {
  const random = seeded(20_260_521)
  const channels = truth.map(({ name, weeklySpend }) => ({ name, spend: spendOf(weeklySpend, random) }))
  const effects = truth.map(({ decay, halfSaturation, ceiling }, at) =>
    carriedOver(channels[at]?.spend ?? [], decay).map((spend) => ceiling * saturated(spend, halfSaturation)),
  )
  const revenue = Array.from({ length: weekCount }, (_, week) => {
    const season = seasonAmplitude * Math.sin((2 * Math.PI * week) / 52)
    const noise = noiseAmplitude * (random() + random() + random() - 1.5)
    const paid = effects.reduce((sum, effect) => sum + (effect[week] ?? 0), 0)
    return Math.round(baseline + growthAWeek * week + season + noise + paid)
  })
  return { channels, revenue }
}

/** Spend with what of earlier weeks still works: geometric adstock. */
export function carriedOver(spend: readonly number[], decay: number, before = 0): number[] {
  let carried = before
  return spend.map((amount) => (carried = amount + decay * carried))
}

/** From 0 to 1: half at `halfSaturation`, and ever flatter. */
export function saturated(spend: number, halfSaturation: number): number {
  return spend / (spend + halfSaturation)
}

/** A base that moves, weeks without anything, and a campaign now and then. */
function spendOf(weeklySpend: number, random: () => number): number[] {
  return Array.from({ length: weekCount }, () => {
    const dice = random()
    const factor = dice < 0.12 ? 0 : dice > 0.88 ? 1.8 + random() : 0.6 + 0.8 * random()
    return Math.round(weeklySpend * factor)
  })
}

/** Mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
