import type { Batch } from './batch.js';
import { type Place, queryOn, whereLive } from './place.js';
import { DIGEST_PATTERN, keyOf, plainKeyOf } from './sid.js';

/** Keys whose rows are known to have been upgraded, at most. */
const MOST_REMEMBERED = 10_000;

/**
 * Moves rows that were stored under plain sids to the digests of those sids, each when its session is used: nobody is logged
 * out when a table that is there begins to keep digests only.
 */
export class Upgrade {
  readonly #place: Place;
  readonly #batch: Batch;
  readonly #done = new Set<string>();
  #pending = true;

  constructor(place: Place, batch: Batch) {
    this.#place = place;
    this.#batch = batch;
  }

  /**
   * Renames the row that a sid may still have under its plain key; what is called next with the sid, before anything is awaited,
   * comes after that, and fails where that does.
   *
   * @throws KssError INVALID_SID
   */
  rename(sid: unknown): void {
    const { sidWidth } = this.#place.layout;
    const plain = this.#pending ? plainKeyOf(sid, sidWidth) : undefined;
    if (plain === undefined) return;
    const key = keyOf(sid, sidWidth, true);
    if (!this.#done.has(key)) this.#batch.rename(plain, key, () => this.#remember(key));
  }

  /** Both keys that a row of the sid may have. */
  keysOf(sid: unknown): string[] {
    const { sidWidth } = this.#place.layout;
    const plain = plainKeyOf(sid, sidWidth);
    return [keyOf(sid, sidWidth, true), ...(plain === undefined ? [] : [plain])];
  }

  /** Looks whether any plain sid is left; from then on every verb goes by the digest alone. */
  async check(): Promise<void> {
    if (!this.#pending) return;
    const { sid } = this.#place.layout;
    const left = await this.#batch.whole(
      () =>
        whereLive(queryOn(this.#place).select(sid), this.#place)
          .whereNot(sid, 'like', DIGEST_PATTERN)
          .limit(1) as PromiseLike<unknown[]>,
    );
    if (left.length > 0) return;
    this.#pending = false;
    this.#done.clear();
  }

  #remember(key: string): void {
    if (this.#done.size >= MOST_REMEMBERED) this.#done.clear();
    this.#done.add(key);
  }
}
