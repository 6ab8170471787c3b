import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that can go away, come back and cut what runs through it. */
export interface TcpProxy {
  readonly port: number;
  /** Refuses new connections and cuts those that are open. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  /** Cuts the open connections; new ones are taken. */
  cut(): void;
  /** From now on, loses everything that the server says. */
  stall(): void;
  /** Loses nothing any more; connections that lost something stay broken. */
  resume(): void;
  /** How many connections lost something and are still open. */
  readonly broken: number;
}

/** Starts a proxy before a server, or reserves its port where it is not to listen yet. */
export async function startProxy(target: { host: string; port: number }, listening = true): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const lossy = new Set<Socket>();
  let stalled = false;
  let server: Server | undefined;
  let port = 0;

  const accept = (client: Socket) => {
    const upstream = connect(target.port, target.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        lossy.delete(socket);
        client.destroy();
        upstream.destroy();
      });
      socket.on('error', () => socket.destroy());
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (stalled) lossy.add(client);
      else client.write(chunk);
    });
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: TcpProxy = {
    get port() {
      return port;
    },
    get broken() {
      return lossy.size;
    },
    async start() {
      server = createServer(accept).listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as { port: number }).port;
    },
    async stop() {
      const closing = server;
      if (closing === undefined) return;
      server = undefined;
      const closed = once(closing, 'close');
      closing.close();
      cut();
      await closed;
    },
    cut,
    stall() {
      stalled = true;
    },
    resume() {
      stalled = false;
    },
  };
  await proxy.start();
  if (!listening) await proxy.stop();
  return proxy;
}
