import { connect } from 'node:net';

/** What a server said. */
export interface Said {
  /** 0 where it said nothing that is HTTP. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Asks for a page with a Cookie header of these very bytes, whatever HTTP allows. */
export function ask(port: number, path: string, cookie: Buffer): Promise<Said> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.setTimeout(20_000, () => socket.destroy(new Error('The server said nothing for 20 s.')));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // It refuses a head that is too long before it has read all of it.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(said(chunks));
      else reject(error);
    });
    socket.on('close', () => resolve(said(chunks)));
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: `;
    socket.write(Buffer.concat([Buffer.from(head), cookie, Buffer.from('\r\n\r\n')]));
  });
}

function said(chunks: readonly Buffer[]): Said {
  const [head = '', ...rest] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: rest.join('\r\n\r\n') };
}
