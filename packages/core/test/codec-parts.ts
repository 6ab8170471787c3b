import { decodeSession, encodeSession } from '../src/codec.js';
import { takeValue } from '../src/column-types.js';
import { type Layout, layoutOf } from '../src/layout.js';
import { resolveOptions } from '../src/options.js';
import type { SchemaField } from '../src/types.js';

export const EXPIRE_AT = Date.UTC(2030, 0, 1);

/** A column of each kind: kept as it is, copied, as JSON text, only searched by, named like a prototype's, derived. */
export const FIELDS: readonly SchemaField[] = [
  { name: 'user_id', type: 'string', args: [100] },
  { name: 'visits', type: 'integer' },
  { name: 'seen_at', type: 'timestamp' },
  { name: 'settings', type: 'json' },
  { name: 'avatar', type: 'binary' },
  { name: 'score', type: 'float' },
  { name: 'constructor', type: 'boolean' },
  { name: 'passport_user', type: 'string', from: 'passport.user' },
];

export const layout = (schemas: readonly SchemaField[] = FIELDS) => layoutOf(resolveOptions({ schemas }));

export const encode = (session: object, to: Layout = layout()) =>
  encodeSession('sid', session, to, {
    take: ({ name, type, args }, value) => takeValue(name, type, args, value),
    bind: (_, taken) => taken,
  });

/** What the session would be after its row was written and read. */
export function decode({ text, values }: ReturnType<typeof encode>, from: Layout = layout()) {
  const owned = values.filter((_, i) => from.fields[i]?.owned);
  return decodeSession({ key: 'sid', expireAt: EXPIRE_AT, text, values: owned }, from);
}

export const roundTrip = (session: object, through: Layout = layout()) => decode(encode(session, through), through);
