import type { Sample } from './load.js';
import type { Progress } from './progress.js';
import { median, shuffled } from './statistics.js';

/** What is measured, of every contestant alike. */
interface Plan<Cell, Contestant extends { readonly name: string }> {
  readonly cells: readonly Cell[];
  readonly contestants: readonly Contestant[];
  /** Rounds that count; one more goes before them, for warmth. */
  readonly rounds: number;
  readonly run: (contestant: Contestant, cell: Cell) => Promise<Sample>;
  readonly describe: (cell: Cell) => string;
  readonly progress: Progress;
}

/** What one contestant did in one cell. */
export interface Result<Cell> {
  readonly cell: Cell;
  readonly name: string;
  /** One of each round. */
  readonly samples: readonly Sample[];
}

/** How many runs a plan has. */
export function runsOf({ cells, contestants, rounds }: { cells: number; contestants: number; rounds: number }): number {
  return cells * contestants * (rounds + 1);
}

/**
 * Runs every contestant in every cell, in short rounds, in another order each time: what the machine does meanwhile meets all of
 * them alike.
 */
export async function interleaved<Cell, Contestant extends { readonly name: string }>(
  plan: Plan<Cell, Contestant>,
): Promise<Result<Cell>[]> {
  const results = plan.cells.flatMap((cell) =>
    plan.contestants.map((contestant) => ({ cell, contestant, name: contestant.name, samples: [] as Sample[] })),
  );
  for (let round = 0; round <= plan.rounds; round++) {
    for (const cell of plan.cells) {
      for (const result of shuffled(results.filter((candidate) => candidate.cell === cell))) {
        const place = round === 0 ? 'warm-up' : `round ${round} of ${plan.rounds}`;
        plan.progress.step(`${place}: ${plan.describe(cell)}, ${result.name}`);
        const sample = await plan.run(result.contestant, cell);
        if (round > 0) result.samples.push(sample);
      }
    }
  }
  return results.map(({ contestant: _, ...result }) => result);
}

/** The medians over the rounds. */
export interface Figures extends Sample {
  /** How many times as fast the store is that ratios refer to: above 1, it is faster than this one. */
  readonly ratio: number;
  /** Calls per second of each round. */
  readonly rounds: readonly number[];
}

/** The medians of one result; the ratio is the median of the rounds' own ratios, which ran side by side. */
export function figuresOf(samples: readonly Sample[], reference: readonly Sample[]): Figures {
  const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    perSecond: middle(({ perSecond }) => perSecond),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    longest: Math.max(...samples.map(({ longest }) => longest)),
    cpu: middle(({ cpu }) => cpu),
    ratio: median(samples.map(({ perSecond }, round) => (reference[round]?.perSecond ?? Number.NaN) / perSecond)),
    rounds: samples.map(({ perSecond }) => Math.round(perSecond)),
  };
}
