import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What stands between an app and servers that replace each other: one port on loopback, connections by turns. */
export interface Balancer {
  readonly port: number;
  /** Where new connections go from now on, by turns; open ones stay where they are. */
  route(ports: readonly number[]): void;
  /** Cuts the open connections. */
  cut(): void;
  close(): Promise<void>;
}

/** A server that refuses a connection is left out for that connection; where all refuse, it is cut. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let targets = ports;
  let turn = 0;

  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer({ pauseOnConnect: true }, (client) => {
    keep(client);
    const first = turn++;
    const candidates = targets.map((_, i) => targets[(first + i) % targets.length] as number);
    const tryNext = () => {
      const port = candidates.shift();
      if (port === undefined || client.destroyed) return client.destroy();
      const upstream = keep(connect(port, '127.0.0.1'));
      let open = false;
      upstream.once('connect', () => {
        open = true;
        client.on('close', () => upstream.destroy());
        client.pipe(upstream).pipe(client);
      });
      upstream.once('close', () => (open ? client.destroy() : tryNext()));
      return upstream;
    };
    tryNext();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    route(next) {
      targets = next;
    },
    cut,
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
