import { KssError } from './errors.js';
import type { Revision } from './types.js';

/** A row's token, in an object that shows it to nobody else. */
class SealedRevision {
  readonly #token: number;

  constructor(token: number) {
    this.#token = token;
  }

  static open(value: unknown): number | undefined {
    return typeof value === 'object' && value !== null && #token in value ? value.#token : undefined;
  }
}

/** The revision of a row with a token. */
export function sealRevision(token: number): Revision {
  return new SealedRevision(token) as unknown as Revision;
}

/**
 * The token behind a revision.
 *
 * @throws KssError INVALID_OPTION for what no store of this process gave
 */
export function openRevision(revision: Revision): number {
  const token = SealedRevision.open(revision);
  if (token !== undefined) return token;
  throw new KssError(
    'INVALID_OPTION',
    'The revision is none of this process; pass what load, set or update resolved to.',
  );
}
