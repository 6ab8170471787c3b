/** Numbers that are the same again for the same seed. */
export interface Random {
  /** At least 0 and below 1. */
  next(): number;
  /** A whole number, at least `least` and at most `most`. */
  between(least: number, most: number): number;
  /** Another source, for one of many who draw side by side. */
  fork(): Random;
}

/** The seed of this run, drawn and said by the global setup. With KSS_FAULTS_SEED, a run's moments and bytes are drawn again. */
export const SEED = Number(process.env.KSS_FAULTS_SEED);

/** mulberry32: small, and even enough to choose moments and bytes. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    fork: () => random(Math.floor(next() * 2 ** 32)),
  };
}
