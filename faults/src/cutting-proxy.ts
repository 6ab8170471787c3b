import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Random } from './random.js';

/** What becomes of a connection when so many bytes went one way. */
type Fate = 'close' | 'reset' | 'stall';

const FATES: readonly Fate[] = ['close', 'reset', 'stall'];

/** A TCP proxy on loopback that breaks connections in the middle of what is said. */
export interface CuttingProxy {
  readonly port: number;
  /** How many connections met with each fate. */
  readonly met: Readonly<Record<Fate, number>>;
  /** How many stalled connections the client has not closed. */
  stalled(): number;
  /** From now on, connections are whole; those that are stalled stay so. */
  heal(): void;
  close(): Promise<void>;
}

/**
 * Starts a proxy that lets each connection carry a drawn number of bytes, to the server or from it, and then in turn closes it, resets
 * it or says nothing more, in the middle of a statement or of an answer.
 *
 * @param bytes the most that a connection carries; the draw favours few, since a statement is small
 */
export async function startCuttingProxy(target: number, draw: Random, bytes: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const met = { close: 0, reset: 0, stall: 0 };
  let healed = false;
  let connections = 0;
  const doomed = new Set<Socket>();

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        doomed.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const fate = FATES[connections++ % FATES.length] ?? 'reset';
    const answers = draw.next() < 0.5;
    let left = Math.ceil(bytes * draw.next() ** 2);
    let over = false;
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
        if (healed || !counted || chunk.length < left) {
          if (counted) left -= chunk.length;
          to.write(chunk);
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
    stalled: () => doomed.size / 2,
    heal() {
      healed = true;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
