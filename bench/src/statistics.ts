/** The value below which that share of the others lies; the list must be sorted. 0 where there are none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const index = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return sorted[Math.max(0, index)] ?? 0;
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return 0;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

/** A copy in random order. */
export function shuffled<T>(values: readonly T[]): T[] {
  const drawn = values.map((value) => ({ value, at: Math.random() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ value }) => value);
}
