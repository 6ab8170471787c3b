/** The code of an error of the store; of any other its name, which no caller should see. */
export function errorCode(error: unknown): string {
  const { name, code } = error as { name?: string; code?: unknown };
  return name === 'KssError' ? String(code) : `not ours: ${name ?? typeof error} ${String(code ?? '')}`.trim();
}

/** The driver's own code of what the store's error was made of. */
export function causeCode(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } };
  return String(cause?.code ?? 'none');
}

/** What drivers say of a transaction that was chosen to end a deadlock. */
export const DEADLOCKS: ReadonlySet<string> = new Set(['40P01', 'ER_LOCK_DEADLOCK']);
