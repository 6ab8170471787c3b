import type { SavedSession } from './batch.js';
import {
  type Columns,
  type EncodedSession,
  encodedText,
  encodeSession,
  parseSession,
  refuseLarge,
  serializable,
  storedSession,
} from './codec.js';
import { columnsOf } from './dialect/index.js';
import { KssError } from './errors.js';
import { expiryOf } from './expiry.js';
import type { Layout } from './layout.js';
import { mergeSessions } from './merge.js';
import type { ResolvedOptions } from './options.js';
import type { Place } from './place.js';
import type { Again } from './requests.js';
import type { OpenRevision } from './revision.js';

/** A session as it goes into its row, and as it was. */
type Saved = EncodedSession & SavedSession;

/** What is written of a session, alone and where another request saved it meanwhile. */
export class Saving {
  readonly #layout: Layout;
  readonly #columns: Columns;
  readonly #options: ResolvedOptions;

  constructor({ layout, dialect }: Place, options: ResolvedOptions) {
    this.#layout = layout;
    this.#columns = columnsOf(dialect);
    this.#options = options;
  }

  /**
   * A session of this moment, with its end.
   *
   * @param maxAge milliseconds that it may live; see the lifetime rule
   * @throws KssError UNSERIALIZABLE, COLUMN_VALUE, TOO_LARGE, and what the app's codec throws
   */
  encode(key: string, session: object, maxAge: unknown): Saved {
    const encoded = encodeSession(key, session, this.#layout, this.#columns);
    const expireAt = serializable(() => {
      const { cookie } = session as { cookie?: unknown };
      return expiryOf(maxAge, cookie, this.#options.maxAge, Date.now());
    });
    return { ...encoded, expireAt };
  }

  /**
   * What to do where the row is not as it was read.
   *
   * @param saved the session that is to be saved
   * @param read what it descends from
   */
  conflict(key: string, saved: Saved, read: OpenRevision, maxAge: unknown): { again: Again; isMerged: () => boolean } {
    let { merged } = read;
    const again: Again = (row, broke) => {
      const { latest = read } = read;
      if (broke !== undefined && latest.token !== row.token) throw outcomeUnknown(broke);
      merged = latest.merged;
      // The save before this one, of the same request.
      if (latest.token === row.token && !merged) return saved;
      if (this.#options.onConflict === 'reject' && latest.token !== row.token) throw conflict();
      merged = true;
      const theirs = storedSession(row, this.#layout);
      return this.encode(key, mergeSessions(latest.base(), saved.session(), theirs), maxAge);
    };
    return { again, isMerged: () => merged };
  }

  /** The text of a row with another cookie in it. */
  withCookie(key: string, text: string | null, cookie: string): string {
    const json = JSON.stringify({ ...parseSession(key, text, this.#layout), ...JSON.parse(cookie) });
    refuseLarge(json, this.#layout.maxBytes);
    return encodedText(key, json, this.#layout);
  }
}

function conflict(): KssError {
  return new KssError(
    'CONFLICT',
    'Another request saved the session after it was loaded; nothing was changed. Load it again, and repeat the change.',
  );
}

function outcomeUnknown({ cause }: KssError): KssError {
  return new KssError(
    'DATABASE',
    'The connection broke while the session was saved, and then another request saved it: whether this save came before that one ' +
      'is unknown, and it was not done again. Load the session, and repeat the change where it is missing.',
    { cause },
  );
}
