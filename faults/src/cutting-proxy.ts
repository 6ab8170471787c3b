import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { sleep } from './mode.js';
import type { Random } from './random.js';

/**
 * What becomes of a connection when so many bytes went one way. `late`: the client's end is reset, and what it had sent last
 * reaches the server some time later.
 */
export type Fate = 'close' | 'reset' | 'stall' | 'late';

const FATES: readonly Fate[] = ['close', 'reset', 'stall'];

/** Milliseconds by which bytes are late. */
const [SOONEST, LATEST] = [50, 500];

/** A TCP proxy on loopback that breaks connections in the middle of what is said. */
export interface CuttingProxy {
  readonly port: number;
  /** How many connections met with each fate. */
  readonly met: Readonly<Record<Fate, number>>;
  /** What was delivered late, each time. */
  readonly late: readonly Buffer[];
  /** How many stalled connections the client has not closed. */
  stalled(): number;
  /** From now on, connections meet with their fates; until then they are whole. */
  begin(): void;
  /** From now on, connections are whole; those that are stalled stay so. Resolves when nothing is late any more. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a proxy that lets each connection carry a drawn number of bytes, to the server or from it, and then in turn closes it, resets
 * it or says nothing more, in the middle of a statement or of an answer; or, where that is asked for, delivers a statement late.
 *
 * @param bytes the most that a connection carries; the draw favours few, since a statement is small
 */
export async function startCuttingProxy(
  target: number,
  draw: Random,
  bytes: number,
  fates: readonly Fate[] = FATES,
): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const met = { close: 0, reset: 0, stall: 0, late: 0 };
  const late: Buffer[] = [];
  const deliveries = new Set<Promise<void>>();
  let whole = true;
  let connections = 0;
  const doomed = new Set<Socket>();

  const deliver = async (chunk: Buffer, upstream: Socket) => {
    await sleep(draw.between(SOONEST, LATEST));
    if (upstream.destroyed) return;
    late.push(chunk);
    const closed = new Promise((resolve) => upstream.once('close', resolve));
    upstream.end(chunk); // the server does what it has, and then finds the connection closed
    await closed;
  };

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const fate = fates[connections++ % fates.length] ?? 'reset';
    const answers = draw.next() < 0.5 && fate !== 'late';
    let left = Math.ceil(bytes * draw.next() ** 2);
    let over = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        doomed.delete(socket);
        client.destroy();
        if (!(over && fate === 'late')) upstream.destroy();
      });
    }
    const end = () => {
      over = true;
      met[fate] += 1;
      for (const socket of [client, upstream]) {
        if (fate === 'close') socket.end();
        else if (fate === 'reset') socket.resetAndDestroy();
        else doomed.add(socket);
      }
    };
    const carry = (from: Socket, to: Socket, counted: boolean) =>
      from.on('data', (chunk) => {
        if (over) return;
        if (whole || !counted || chunk.length < left) {
          if (counted) left -= chunk.length;
          to.write(chunk);
        } else if (fate === 'late') {
          over = true;
          met.late += 1;
          client.resetAndDestroy();
          const delivery = deliver(chunk, upstream).finally(() => deliveries.delete(delivery));
          deliveries.add(delivery);
        } else {
          // The beginning arrives, and then the connection is broken.
          to.write(chunk.subarray(0, left), end);
        }
      });
    carry(client, upstream, !answers);
    carry(upstream, client, answers);
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as { port: number }).port,
    met,
    late,
    stalled: () => doomed.size / 2,
    begin() {
      whole = false;
    },
    async heal() {
      whole = true;
      await Promise.all(deliveries);
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
