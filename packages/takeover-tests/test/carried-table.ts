import type { Reporter, TestModule } from 'vitest/node';
import type { Carried } from './carried.js';

const HEAD = [
  ...['predecessor', 'version', 'database', 'sessions', 'carried to ours', 'back', 'lost'],
  ...['end as read differs by, ms', 'end as written differs by, ms'],
];

/** Prints what the tests carried over, as a table to paste, after all of them. */
export class CarriedTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) =>
      [...module.children.allTests()].flatMap((test) => (test.meta() as { carried?: Carried }).carried ?? []),
    );
    if (lines.length === 0) return;
    const number = (value: number) => value.toLocaleString('en-US');
    const rows = lines.map((line) => [
      ...[line.predecessor, line.version, line.database],
      ...[line.sessions, line.toOurs, line.back].map(number),
      number(line.sessions - Math.min(line.toOurs, line.back)),
      ...[line.endRead, line.endWritten].map(number),
    ]);
    const table = [HEAD, HEAD.map((_, i) => (i < 3 ? '---' : '---:')), ...rows.sort(byText)];
    process.stdout.write(`\n${table.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`);
  }
}

function byText(a: readonly string[], b: readonly string[]): number {
  return a.join().localeCompare(b.join(), 'en', { numeric: true });
}
