import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drawChart } from '../src/chart.js';
import { flameOf } from '../src/flame.js';
import { noFaults } from '../src/ledger.js';
import { sampleOf } from '../src/load.js';
import { packageOf, selfTimes } from '../src/profile.js';
import { publish, withSection } from '../src/publish.js';
import type { StoreReport, StoreRow } from '../src/results.js';
import { figuresOf } from '../src/rounds.js';
import { contentOf, freshCookie } from '../src/sessions.js';
import { median, percentile, shuffled } from '../src/statistics.js';
import { targetsOf } from '../src/targets.js';

const sample = (perSecond: number) => ({ ...sampleOf([1, 2, 3], 1, 3), perSecond });

function row(part: Partial<StoreRow>): StoreRow {
  const figures = figuresOf([sample(100)], [sample(100)]);
  return { ...figures, database: 'postgres', store: 'KSS', sql: true, verb: 'get', clients: 128, ...part };
}

const report: StoreReport = {
  kind: 'store',
  date: '2026-01-02T03:04:05.000Z',
  machine: { processor: 'A <fast> one', cores: 2, memory: '4 GiB', system: 'Linux 6', node: 'v20.0.0', load: 0.5 },
  servers: { PostgreSQL: '15.20' },
  packages: { '@kss/express': 'abc', 'connect-pg-simple': '10.0.0' },
  settings: {},
  rows: [
    row({ perSecond: 9000 }),
    row({ store: 'connect-pg-simple', perSecond: 1000, ratio: 9 }),
    row({ store: 'connect-redis', sql: false, perSecond: 4500, ratio: 2 }),
    row({ clients: 1, perSecond: 700 }),
    row({ clients: 1, store: 'connect-pg-simple', ratio: 1.1 }),
    row({ clients: 1, store: 'connect-session-knex', ratio: 0.9 }),
    row({ clients: 1, store: 'connect-redis', sql: false, ratio: 0.2 }),
  ],
  faults: [{ at: 'PostgreSQL', store: 'connect-pg-simple', faults: { ...noFaults(), lost: 3 } }],
};

describe('a session of the bench', () => {
  it('is of some 400 bytes with its cookie', () => {
    const bytes = JSON.stringify({ cookie: freshCookie(), ...contentOf(1234, 56) }).length;
    expect(bytes).toBeGreaterThan(380);
    expect(bytes).toBeLessThan(440);
  });
});

describe('statistics', () => {
  it('take percentiles, medians, and every value once', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7], 0.99), percentile([], 0.5)]).toEqual([
      50, 99, 7, 0,
    ]);
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0]);
    expect(shuffled(hundred).sort((a, b) => a - b)).toEqual(hundred);
  });

  it('compare the rounds that ran side by side', () => {
    // The machine was ten times slower in two of the rounds, for both.
    const figures = figuresOf([sample(100), sample(10), sample(10)], [sample(300), sample(30), sample(30)]);
    expect(figures.ratio).toBe(3);
    expect(figures.rounds).toEqual([100, 10, 10]);
  });

  it('count a call once', () => {
    expect(sampleOf([3, 1, 2, 10], 2, 8)).toEqual({ perSecond: 2, p50: 2, p99: 10, longest: 10, cpu: 2 });
  });
});

describe('the picture', () => {
  it('has a bar for each value, in proportion within its group and column, and escapes what it writes', () => {
    const groups = [
      {
        title: 'A & B',
        rows: [
          { label: 'ours', ours: true, values: [400, undefined] },
          { label: '<theirs>', ours: false, values: [100, 5] },
        ],
      },
    ];
    const svg = drawChart({ title: 'T', columns: ['get', 'set'], groups, note: 'n' });
    const widths = [...svg.matchAll(/<rect class="(\w+)".* width="([\d.]+)"/g)].map(([, kind, width]) => [
      kind,
      Number(width),
    ]);
    expect(widths.map(([kind]) => kind)).toEqual(['ground', 'ours', 'other', 'other']);
    const [, long, short] = widths.map(([, width]) => width as number);
    expect((long as number) / (short as number)).toBeCloseTo(4, 1);
    expect(svg).toContain('&lt;theirs&gt;');
    expect(svg).toContain('A &amp; B');
    expect(svg).toContain('prefers-color-scheme: dark');
  });
});

describe('targets', () => {
  const about = (what: string) => targetsOf({ store: report }).find(({ aim }) => aim.startsWith(what));

  it('are met or not by the ratio that was measured', () => {
    expect(about('postgres, get, 128 clients: as fast as connect-pg-simple')).toMatchObject({ measured: 9, met: true });
    expect(about('postgres, get, 128 clients: as fast as connect-redis')).toMatchObject({ measured: 2, met: false });
    expect(about('sqlite, get, 128')).toMatchObject({ measured: undefined, met: undefined });
  });

  it('compare one client with the fastest of the SQL stores', () => {
    expect(about('postgres, get, one client')).toMatchObject({ measured: 0.9, met: false });
  });
});

describe('publishing', () => {
  it('writes between the marks of the README, and nowhere else', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kss-bench-test-'));
    onTestFinished(() => rm(root, { recursive: true }));
    await mkdir(join(root, 'docs'));
    const page = '# A\n\n<!-- speed: written by `pnpm bench publish` -->\nold\n<!-- /speed -->\n\n## B\n';
    await writeFile(join(root, 'README.md'), page);
    publish({ store: report }, root);
    const written = await readFile(join(root, 'README.md'), 'utf8');
    expect(written).toMatch(/^# A\n\n<!-- speed: .* -->\n!\[.*\n<!-- \/speed -->\n\n## B\n$/s);
    expect(written).not.toContain('old');
    expect(written).toContain('| PostgreSQL 15.20 | **KSS** | 9,000 |');
    expect(written).toMatch(/connect-pg-simple +0 +3 +0/); // what it lost
    expect(written).toContain('2026-01-02');
    expect(await readFile(join(root, 'docs/speed.svg'), 'utf8')).toContain('PostgreSQL 15.20');
    expect(JSON.parse(await readFile(join(root, 'docs/speed.json'), 'utf8'))).toEqual([report]);
  });

  it('refuses a page without marks, and results of a quick run', () => {
    expect(() => withSection('# A\n', 'text')).toThrow(/README.md has no/);
    expect(() => publish({ store: { ...report, settings: { quick: true } } }, '/nowhere')).toThrow(/--quick/);
  });
});

describe('a profile', () => {
  it('is summed by function, without idle time', () => {
    const node = (id: number, functionName: string, url = '', lineNumber = 0) => ({
      id,
      callFrame: { functionName, url, lineNumber },
    });
    const url = 'file:///app/node_modules/.pnpm/knex@3.3.0/node_modules/knex/lib/raw.js';
    const times = selfTimes({
      nodes: [node(1, '(idle)'), node(2, 'raw', url, 41), node(3, 'raw', url, 41), node(4, '(garbage collector)')],
      samples: [1, 2, 3, 4],
      timeDeltas: [9000, 2000, 1000, 500],
    });
    expect(times).toEqual([
      { package: 'knex', name: 'raw', place: 'lib/raw.js:42', milliseconds: 3 },
      { package: 'V8', name: '(garbage collector)', place: '', milliseconds: 0.5 },
    ]);
  });

  it('becomes a flame graph: the same function under the same ones is one box, and idle time none', () => {
    const node = (id: number, functionName: string, children: number[] = [], url = '') => ({
      id,
      callFrame: { functionName, url, lineNumber: 0 },
      children,
    });
    const core = 'file:///r/packages/core/dist/index.js';
    const svg = flameOf(
      {
        nodes: [
          node(1, '(root)', [2, 3, 5]),
          node(2, '(idle)'),
          node(3, 'load', [4], core),
          node(4, 'parse<'),
          node(5, 'load', [], core),
        ],
        samples: [2, 3, 4, 5],
        timeDeltas: [9000, 100, 200, 100],
      },
      'get & touch',
    );
    expect([...svg.matchAll(/<title>(.*?)<.title>/g)].map(([, title]) => title)).toEqual([
      'get &amp; touch',
      'all, bench: 100.0 %',
      'load, @kss/core: 100.0 %',
      'parse&lt;, V8: 50.0 %',
    ]);
    expect(svg).toContain('get &amp; touch');
  });

  it('knows the packages', () => {
    expect(packageOf('node:internal/timers')).toBe('node');
    expect(packageOf('file:///r/packages/core/dist/index.js')).toBe('@kss/core');
    expect(packageOf('file:///r/node_modules/.pnpm/@redis+client@5.0.0/node_modules/@redis/client/dist/a.js')).toBe(
      '@redis/client',
    );
    expect(packageOf('file:///r/bench/src/load.ts')).toBe('bench');
  });
});
