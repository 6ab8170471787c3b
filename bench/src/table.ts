/** A column of a table: its heading, and what stands in it. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string | number;
  /** Numbers stand on the right. */
  readonly right?: boolean;
}

/** Rows as lines of text with aligned columns. */
export function textTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => String(cell(row))));
  const widths = columns.map(({ head }, column) =>
    Math.max(head.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) =>
        columns[column]?.right ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ head }) => head)), ...cells.map(line)].join('\n');
}

/** Rows as a table of Markdown. */
export function markdownTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const line = (texts: readonly (string | number)[]) => `| ${texts.join(' | ')} |`;
  return [
    line(columns.map(({ head }) => head)),
    `|${columns.map(({ right }) => (right ? '---:' : '---')).join('|')}|`,
    ...rows.map((row) => line(columns.map(({ cell }) => cell(row)))),
  ].join('\n');
}

/** A count with commas, or with decimals where it is small. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}
