/** Places for what may be under way at once. */
export interface Slots {
  /** Takes a place for someone; answers how it is given back, once, or null where there is none. */
  take(who: string): (() => void) | null
}

/** `most` in all, and `mostOfOne` of the same one. */
export function createSlots(most: number, mostOfOne: number): Slots {
  const taken = new Map<string, number>()
  let all = 0
  return {
    take(who) {
      const own = taken.get(who) ?? 0
      if (all >= most || own >= mostOfOne) return null
      all += 1
      taken.set(who, own + 1)
      let isGivenBack = false
      return () => {
        if (isGivenBack) return
        isGivenBack = true
        all -= 1
        const left = (taken.get(who) ?? 1) - 1
        if (left === 0) taken.delete(who)
        else taken.set(who, left)
      }
    },
  }
}
