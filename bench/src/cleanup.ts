/** What must be closed however the process ends: tables would stay, and apps would go on listening. */
const closers = new Set<() => Promise<void>>();

/** Remembers a way to close something until it is called. */
export function closedAtTheEnd(close: () => Promise<void>): () => Promise<void> {
  closers.add(close);
  return async () => {
    if (closers.delete(close)) await close();
  };
}

/** Closes what is open still. */
export async function closeAll(): Promise<void> {
  const open = [...closers];
  closers.clear();
  await Promise.allSettled(open.map((close) => close()));
}

/** The name of a table of this process: two runs at a time do not meet in one. */
export function tableName(...parts: readonly (string | number)[]): string {
  return ['kss_bench', process.pid, ...parts].join('_').toLowerCase().replaceAll('-', '_');
}
