import session from 'express-session';
import type { Peer } from '../peer.js';

/** express-session's own: no database, and nothing is left of it when the process ends. */
export const memoryStore: Peer = {
  name: 'MemoryStore',
  package: 'express-session',
  kind: 'reference',
  serves: () => true,
  async open() {
    return { store: new session.MemoryStore(), close: async () => {} };
  },
};
