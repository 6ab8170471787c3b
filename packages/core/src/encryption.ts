import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { KssError } from './errors.js';
import { listOf } from './foreign.js';
import { refuseUnknown } from './options.js';
import type { Codec } from './types.js';

const FORMAT = 'kss1';
const IV_BYTES = 12; // NIST SP 800-38D, 8.2.2: of a GCM nonce made at random
const TAG_BYTES = 16;

/** What {@link encryption} needs. */
export interface EncryptionOptions {
  /**
   * The keys, the newest first: it encrypts, and all of them decrypt. Each is 32 bytes: a Buffer, 64 hexadecimal digits, or 43 or
   * 44 characters of base64.
   */
  readonly keys: readonly (string | Uint8Array)[];
  /**
   * Whether sessions that were stored without encryption are still read. `'refuse'` once all were saved again.
   * @default 'accept'
   */
  readonly plain?: 'accept' | 'refuse';
}

/**
 * A codec that keeps the JSON of sessions under AES-256-GCM, bound to the session's handle: a text that is copied into another
 * row does not open. Schema columns stay as they are, and searchable.
 *
 * To rotate, put a new key before the old ones; drop an old one when all sessions of its time have ended.
 *
 * @example
 * new KnexSessionStore(knex, { codec: encryption({ keys: [process.env.SESSION_KEY] }) });
 * @throws KssError INVALID_OPTION; its `decode` throws DECRYPT_FAILED
 */
export function encryption(options: EncryptionOptions): Codec {
  const given = refuseUnknown(options, ['keys', 'plain'], 'option of encryption');
  const { plain = 'accept' } = given;
  const keys = listOf(given.keys) ?? [];
  if (keys.length === 0) throw invalid('keys must be an array of at least one key.');
  if (plain !== 'accept' && plain !== 'refuse') throw invalid("plain must be 'accept' or 'refuse'.");
  const ring = keys.map((key, i) => {
    const bytes = keyBytes(key);
    if (bytes === undefined) throw invalid(`keys[${i}] must be 32 bytes: a Buffer, 64 hexadecimal digits, or base64.`);
    // Tells the keys apart, and nothing about them: a text need not be tried with each.
    return { bytes, id: createHash('sha256').update('kss key id').update(bytes).digest('base64url').slice(0, 8) };
  });
  const newest = ring[0] as (typeof ring)[number];
  return {
    encode(text, handle) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', newest.bytes, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(`${FORMAT}.${handle}`));
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `${FORMAT}.${newest.id}.${sealed.toString('base64url')}`;
    },
    decode(stored, handle) {
      const [, id, data = ''] = /^kss1\.([\w-]{8})\.([\w-]+)$/.exec(stored) ?? [];
      if (id === undefined && plain === 'accept' && stored.startsWith('{')) return stored;
      const key = ring.find((candidate) => candidate.id === id);
      if (key === undefined)
        throw failed(handle, id === undefined ? 'it is not encrypted' : 'none of the keys is its key');
      const sealed = Buffer.from(data, 'base64url');
      try {
        const iv = sealed.subarray(0, IV_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, iv, { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(`${FORMAT}.${handle}`));
        decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
        return decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        throw failed(handle, 'it was changed, or is of another session');
      }
    },
  };
}

function keyBytes(key: unknown): Buffer | undefined {
  const bytes =
    ArrayBuffer.isView(key) && key instanceof Uint8Array
      ? Buffer.from(key)
      : typeof key !== 'string'
        ? undefined
        : /^[0-9a-f]{64}$/i.test(key)
          ? Buffer.from(key, 'hex')
          : /^[\w+/-]{43}=?$/.test(key)
            ? Buffer.from(key, 'base64')
            : undefined;
  return bytes?.length === 32 ? bytes : undefined;
}

function failed(handle: string, why: string): KssError {
  return new KssError(
    'DECRYPT_FAILED',
    `The session with the handle ${handle} does not open: ${why}. It was left as it is; add the key that it was saved with.`,
  );
}

function invalid(message: string): KssError {
  return new KssError('INVALID_OPTION', `encryption: ${message}`);
}
