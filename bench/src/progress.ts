/** Says on stderr how far a run is: one line that changes on a terminal, one now and then elsewhere. */
export class Progress {
  readonly #began = performance.now();
  readonly #title: string;
  readonly #total: number;
  #done = 0;
  #shown = 0;

  /** @param total how many steps there will be */
  constructor(title: string, total: number) {
    this.#title = title;
    this.#total = total;
  }

  /** A step begins. */
  step(text: string): void {
    const share = Math.min(1, this.#done++ / this.#total);
    const now = performance.now();
    const left = share > 0.02 ? `, ${duration(((now - this.#began) / share) * (1 - share))} left` : '';
    this.say(`[${String(Math.round(share * 100)).padStart(3)} %${left}] ${this.#title}, ${text}`, now);
  }

  say(line: string, now = performance.now()): void {
    const { stderr } = process;
    if (stderr.isTTY) {
      stderr.write(`\r\x1b[K${line.slice(0, (stderr.columns ?? 80) - 1)}`);
    } else if (now - this.#shown > EVERY_MS) {
      stderr.write(`${line}\n`);
      this.#shown = now;
    }
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    else process.stderr.write(`${this.#title}: done in ${duration(performance.now() - this.#began)}\n`);
  }
}

const EVERY_MS = 5000;

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
