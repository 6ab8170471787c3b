/** A row of bars: what one store did. */
export interface Bars {
  readonly label: string;
  /** One for each column; undefined leaves a gap. */
  readonly values: readonly (number | undefined)[];
  /** Ours has the colour; the others are grey. */
  readonly ours: boolean;
}

/** Rows that are compared with each other: every column has a scale of its own within the group. */
export interface Group {
  readonly title: string;
  readonly rows: readonly Bars[];
}

export interface Chart {
  readonly title: string;
  readonly columns: readonly string[];
  readonly groups: readonly Group[];
  /** A line below. */
  readonly note: string;
}

const WIDTH = 880;
const MARGIN = 16;
const LABELS = 170;
const NUMBERS = 62;
const ROW = 22;
const BAR = 14;
const HEAD = 58;
const GROUP_HEAD = 32;

// The picture follows the reader's system, which the page around it need not do: so it has a ground of its own.
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .group { font-weight: 600; }
  .small { font-size: 12px; fill: #59636e; }
  .number { font-variant-numeric: tabular-nums; }
  .ground { fill: #ffffff; }
  .other { fill: #b6bfc9; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .ground { fill: #0d1117; }
    .other { fill: #545d68; }
    .ours { fill: #4493f8; }
  }
`;

/** Draws horizontal bars as SVG: a function of its argument, for light and dark pages. */
export function drawChart({ title, columns, groups, note }: Chart): string {
  const column = (WIDTH - 2 * MARGIN - LABELS) / columns.length;
  const left = (index: number) => MARGIN + LABELS + index * column;
  const parts = [
    text(MARGIN, 24, title, 'title'),
    ...columns.map((name, index) => text(left(index), 48, name, 'small')),
  ];
  let y = HEAD;
  for (const { title: name, rows } of groups) {
    parts.push(text(MARGIN, y + 18, name, 'group'));
    y += GROUP_HEAD;
    const longest = columns.map((_, index) => Math.max(...rows.map(({ values }) => values[index] ?? 0)));
    for (const { label, values, ours } of rows) {
      parts.push(text(MARGIN + 8, y + 12, label, ours ? 'group' : ''));
      for (const [index, value] of values.entries()) {
        if (value === undefined) continue;
        const width = Math.max(1, (value / (longest[index] || 1)) * (column - NUMBERS));
        parts.push(
          `<rect class="${ours ? 'ours' : 'other'}" x="${round(left(index))}" y="${y}" width="${round(width)}" height="${BAR}" rx="2"/>`,
          text(left(index) + width + 6, y + 12, Math.round(value).toLocaleString('en-US'), 'number'),
        );
      }
      y += ROW;
    }
    y += 8;
  }
  parts.push(text(MARGIN, y + 16, note, 'small'));
  const height = y + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>
${parts.join('\n')}
</svg>
`;
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text x="${round(x)}" y="${round(y)}"${kind === '' ? '' : ` class="${kind}"`}>${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
