import { type EncodedSession, type SessionRow, storedSession } from './codec.js';
import { type Content, writtenContent } from './content.js';
import { KssError } from './errors.js';
import type { Layout } from './layout.js';
import type { Revision, SessionData } from './types.js';

/** What a revision stands for. */
export interface OpenRevision {
  /** The row's token. */
  readonly token: number;
  /** What stands in the row: what is compared where the table has no tokens. */
  content(): Content;
  /** The session as the caller has it: what a later save is compared with. */
  base(): SessionData;
  /** Whether the row has more than the caller's session: what others had changed was merged into it. */
  readonly merged: boolean;
  /** What the last save with this revision wrote; a save that was called before that one ended begins with it. */
  latest?: Omit<OpenRevision, 'latest'>;
}

/** The revision of a row that was read; what stood in it is taken apart again only where a save meets another. */
export class ReadRevision implements OpenRevision {
  readonly merged = false;
  latest?: Omit<OpenRevision, 'latest'>;
  readonly #row: SessionRow & { readonly token: number };
  readonly #layout: Layout;

  constructor(row: SessionRow & { readonly token: number }, layout: Layout) {
    this.#row = row;
    this.#layout = layout;
  }

  get token(): number {
    return this.#row.token;
  }

  content(): Content {
    return this.#row;
  }

  base(): SessionData {
    return storedSession(this.#row, this.#layout);
  }
}

/** The revision of a row that was written. */
export function writtenRevision(
  token: number,
  written: EncodedSession,
  layout: Layout,
  merged = false,
): Omit<OpenRevision, 'latest'> {
  return { token, content: () => writtenContent(written, layout), base: written.session, merged };
}

/** A row's token and what was read, in an object that shows them to nobody else. */
class SealedRevision {
  readonly #open: OpenRevision;

  constructor(open: OpenRevision) {
    this.#open = open;
  }

  static open(value: unknown): OpenRevision | undefined {
    return typeof value === 'object' && value !== null && #open in value ? value.#open : undefined;
  }
}

export function sealRevision(open: OpenRevision): Revision {
  return new SealedRevision(open) as unknown as Revision;
}

/**
 * What stands behind a revision.
 *
 * @throws KssError INVALID_OPTION for what no store of this process gave
 */
export function openRevision(revision: Revision): OpenRevision {
  const open = SealedRevision.open(revision);
  if (open !== undefined) return open;
  throw new KssError(
    'INVALID_OPTION',
    'The revision is none of this process; pass what load, set or update resolved to.',
  );
}
