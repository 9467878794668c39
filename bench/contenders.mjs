/**
 * Starts each by its name. One that can't be started says so and is left out; what has no `stop` needs none.
 * `missing` holds the names that are left out, each with why.
 */
export async function startContenders(starts) {
  const started = {}
  const missing = {}
  for (const [name, start] of Object.entries(starts)) {
    try {
      started[name] = await start()
    } catch (error) {
      missing[name] = error.message
      console.log(`left out: ${name}: ${error.message}`)
    }
  }
  return { started, missing, stop: () => stopAll(started) }
}

async function stopAll(started) {
  for (const contender of Object.values(started).toReversed()) await contender.stop?.()
}
