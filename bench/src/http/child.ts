import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerOptions, ServerReply, ServerRequest } from './server.js';

/** An app in a process of its own, as its parent sees it. */
export interface Child {
  readonly port: number;
  usage(): Promise<{ cpu: number; unhandled: number; first: string | undefined }>;
  close(): Promise<void>;
}

/** Starts an app and waits until it listens. */
export async function startChild(options: ServerOptions): Promise<Child> {
  const file = fileURLToPath(new URL('./server.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const started = await answered(child);
  if (!('port' in started))
    throw new Error(`${options.framework} with ${options.peer} did not start: ${tell(started)}`);
  return {
    port: started.port,
    async usage() {
      child.send('usage' satisfies ServerRequest);
      const usage = await answered(child);
      if (!('cpu' in usage)) throw new Error(`${options.framework} with ${options.peer} ended: ${tell(usage)}`);
      return usage;
    },
    async close() {
      if (child.exitCode !== null) return;
      const exit = once(child, 'exit');
      child.send('close' satisfies ServerRequest);
      await exit;
    },
  };
}

async function answered(child: ChildProcess): Promise<ServerReply> {
  const stop = new AbortController();
  const { signal } = stop;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([reply]) => reply as ServerReply),
      once(child, 'exit', { signal }).then(([code]) => ({ failed: `exit code ${code}` })),
    ]);
  } finally {
    stop.abort();
  }
}

function tell(reply: ServerReply): string {
  return 'failed' in reply ? reply.failed : JSON.stringify(reply);
}
