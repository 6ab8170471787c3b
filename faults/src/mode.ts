/** Whether each scenario runs for a few seconds only, as it does with every other test. */
export const SHORT = process.env.KSS_FAULTS === 'short';

/** How much of something, in the short and in the long form. */
export function amount(short: number, long: number): number {
  return SHORT ? short : long;
}

/** Waits so many milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
