import { setTimeout } from 'node:timers/promises';
import autocannon from 'autocannon';
import { type Faults, messageOf, noFaults } from '../ledger.js';
import { type Sample, sampleOf } from '../load.js';
import { userOf } from '../sessions.js';
import type { Child } from './child.js';

// At the end of a run connections are cut, and their last requests go on: on nobody else's time.
const PAUSE_MS = 300;
const SESSIONS_PER_CONNECTION = 10;
const WRITE_EVERY = 10;

/** The sessions of one app: each connection uses some that are its own, so that what a read must give is known. */
export class Visitors {
  readonly faults: Faults = noFaults();
  readonly #cookies: readonly string[];
  // -1: a save was under way when a run ended, so the next answer tells.
  readonly #versions: Int32Array;

  private constructor(cookies: readonly string[]) {
    this.#cookies = cookies;
    this.#versions = new Int32Array(cookies.length);
  }

  /** Signs everybody in. */
  static async signIn(port: number, connections: number): Promise<Visitors> {
    const cookies: string[] = [];
    for (let user = 0; user < connections * SESSIONS_PER_CONNECTION; user++) {
      const response = await fetch(`http://127.0.0.1:${port}/login/${user}`);
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`/login/${user}: ${response.status}`);
      cookies.push(
        response.headers
          .getSetCookie()
          .map((line) => line.split(';')[0])
          .join('; '),
      );
    }
    return new Visitors(cookies);
  }

  /** Nothing is known of the saves that were under way when the last run ended. */
  forget(): void {
    this.#versions.fill(-1);
  }

  /** The requests that a connection makes in turn: to each of its sessions, and of ten, one that changes it. */
  requestsOf(connection: number): autocannon.Request[] {
    return Array.from({ length: SESSIONS_PER_CONNECTION * WRITE_EVERY }, (_, turn) => {
      const own = turn % SESSIONS_PER_CONNECTION;
      const user = connection * SESSIONS_PER_CONNECTION + own;
      const writes = Math.floor(turn / SESSIONS_PER_CONNECTION) === own % WRITE_EVERY;
      return {
        method: 'GET',
        path: writes ? '/write' : '/read',
        headers: { cookie: this.#cookies[user] ?? '' },
        onResponse: (status, body) => this.#check(user, writes, status, body),
      };
    });
  }

  #check(user: number, writes: boolean, status: number, body: string): void {
    const known = this.#versions[user] ?? -1;
    const expected = known + (writes ? 1 : 0);
    if (status === 200 && known >= 0 && body === `{"user_id":"${userOf(user)}","version":${expected}}`) {
      this.#versions[user] = expected;
    } else if (status !== 200) {
      this.faults.errors++;
      this.faults.first ??= `${status} ${body.slice(0, 80)}`;
      this.#versions[user] = -1;
    } else {
      this.#learn(user, body, known);
    }
  }

  #learn(user: number, body: string, known: number): void {
    const { user_id, version } = JSON.parse(body) as { user_id?: string; version?: number };
    if (user_id === undefined) {
      this.faults.lost++;
    } else if (user_id !== userOf(user) || known >= 0) {
      this.faults.wrong++;
      this.faults.first ??= `${userOf(user)} after ${known} got ${body}`;
    }
    this.#versions[user] = version ?? -1;
  }
}

/** Loads an app for a while. */
export async function shoot(child: Child, visitors: Visitors, connections: number, seconds: number): Promise<Sample> {
  visitors.forget();
  const { faults } = visitors;
  const before = await child.usage();
  const latencies: number[] = [];
  let next = 0;
  const began = performance.now();
  const options: autocannon.Options = {
    url: `http://127.0.0.1:${child.port}`,
    connections,
    duration: seconds,
    sampleInt: 50, // a run ends with a sample
    setupClient: (client) => client.setRequests(visitors.requestsOf(next++)),
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, outcome) => (error ? reject(error) : resolve(outcome)));
    run.on('response', (_client, _status, _bytes, milliseconds) => latencies.push(milliseconds));
  });
  const elapsed = (performance.now() - began) / 1000;
  await setTimeout(PAUSE_MS);
  const after = await child.usage();
  faults.hung += result.timeouts;
  faults.errors += result.errors;
  faults.unhandled += after.unhandled - before.unhandled;
  if (after.first !== undefined) faults.first ??= messageOf(after.first);
  return sampleOf(latencies, elapsed, after.cpu - before.cpu);
}
