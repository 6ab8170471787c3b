/** The elements of an array; undefined for what is none, or does not let itself be read (a proxy that was revoked). */
export function listOf(value: unknown): unknown[] | undefined {
  try {
    return Array.isArray(value) ? Array.from(value) : undefined;
  } catch {
    return undefined;
  }
}

/** What a value is, for a message, in a word that is safe to make and quotes nothing of it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return listOf(value) === undefined ? typeof value : 'an array';
}

/** Hears the rejection of a promise that the app's code gave where none can be waited for; unheard, it would end the process. */
export function hush(value: unknown): void {
  try {
    if (value instanceof Promise) value.catch(() => {});
  } catch {
    // It does not let itself be looked at, so it is no promise that Node watches.
  }
}
