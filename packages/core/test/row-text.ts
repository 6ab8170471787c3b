/** What stands in rows, as text to look through; some drivers give a bigint as a BigInt. */
export function textOfRows(rows: unknown): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
