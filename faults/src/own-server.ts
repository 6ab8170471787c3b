import { type ChildProcess, execFileSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import createKnex, { type Knex } from 'knex';
import { home } from './home.js';
import { sleep } from './mode.js';
import { childrenOf, ended, freePort, type Process, signal, startProcess } from './processes.js';
import type { ServerKind } from './servers.js';

/** What else a knex is opened with. */
export interface OpenOptions {
  /** That of a proxy in front of the server. */
  readonly port?: number;
  readonly pool?: Knex.PoolConfig;
  readonly acquireConnectionTimeout?: number;
  /** How long the driver may take to connect. */
  readonly connectTimeout?: number;
}

const START_LIMIT = 60_000;
const QUIET = { warn() {}, error() {}, debug() {}, deprecate() {} };

/** A server of the suite's own, on loopback and with durable settings, that may be killed and stopped at will. */
export class OwnServer {
  readonly kind: ServerKind;
  readonly port: number;
  /** The database with its version, as the table names it. */
  version = '';
  readonly #data: string;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(kind: ServerKind, port: number, data: string, settings: readonly string[]) {
    this.kind = kind;
    this.port = port;
    this.#data = data;
    this.#settings = settings;
  }

  /** Makes a server with no data and starts it. The first of a run makes the folder that the others copy. */
  static async start(kind: ServerKind, settings: readonly string[] = []): Promise<OwnServer> {
    const template = join(home(), kind.name);
    const user = kind.user();
    if (!existsSync(template)) {
      await mkdir(template, { mode: 0o700 });
      if (user !== undefined) chownSync(template, user.uid, user.gid);
      kind.initialize(template);
    }
    const port = await freePort();
    const data = join(home(), `${kind.name}-${port}`);
    await cp(template, data, { recursive: true, preserveTimestamps: true });
    const server = new OwnServer(kind, port, data, settings);
    server.#own(user);
    await server.restart();
    return server;
  }

  open({ port = this.port, pool, acquireConnectionTimeout, connectTimeout }: OpenOptions = {}): Knex {
    return createKnex({
      client: this.kind.client,
      connection: {
        ...{ host: '127.0.0.1', port, ...this.kind.login },
        ...(connectTimeout !== undefined && this.kind.connectTimeout(connectTimeout)),
      },
      pool: { min: 0, max: 10, ...pool },
      log: QUIET,
      ...(acquireConnectionTimeout !== undefined && { acquireConnectionTimeout }),
    });
  }

  /** Starts the process, and does not wait until it answers. */
  launch(): void {
    const [program, ...args] = this.kind.command(this.#data, this.port);
    this.#child = startProcess(program, [...args, ...this.#settings], this.kind.user(), this.#log);
  }

  /** Starts the process and waits until it answers. */
  async restart(): Promise<void> {
    this.launch();
    await this.answers();
  }

  /** Waits until it answers. */
  async answers(): Promise<void> {
    const limit = performance.now() + START_LIMIT;
    for (;;) {
      try {
        this.version = await this.kind.ask(this.port);
        return;
      } catch (error) {
        if (performance.now() > limit || this.#child?.exitCode !== null)
          throw new Error(`${this.kind.name} does not answer: ${await this.#said()}`, { cause: error });
        await sleep(20);
      }
    }
  }

  /** SIGKILL to all of its processes at once. */
  async kill(): Promise<void> {
    const child = this.#running();
    // Its first process is stopped beforehand, so that it starts no others meanwhile.
    signal(this.pid, 'SIGSTOP');
    const others = this.processes();
    for (const pid of [this.pid, ...others.map((other) => other.pid)]) signal(pid, 'SIGKILL');
    await ended(child);
    // The next one refuses to start while a process has the old one's shared memory.
    for (const { pid } of others) while (isAlive(pid)) await sleep(5);
  }

  /** SIGSTOP to all of its processes: connections stay open, and nobody answers. */
  freeze(): void {
    signal(this.pid, 'SIGSTOP');
    for (const child of this.processes()) signal(child.pid, 'SIGSTOP');
  }

  /** SIGCONT to all of them. */
  thaw(): void {
    for (const child of this.processes()) signal(child.pid, 'SIGCONT');
    signal(this.pid, 'SIGCONT');
  }

  /** Tells it to end in order, and resolves when it has. */
  async shutDown(how: NodeJS.Signals = this.kind.shutdown): Promise<void> {
    const child = this.#running();
    signal(this.pid, how);
    await ended(child);
  }

  /** Its first process. */
  get pid(): number {
    return Number(this.#running().pid);
  }

  /** The processes that it has besides its first. */
  processes(): Process[] {
    return childrenOf(this.pid);
  }

  /** Ends it at once and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true, maxRetries: 5 });
  }

  #own(user: { uid: number; gid: number } | undefined): void {
    if (user === undefined) return;
    execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, this.#data]);
    execFileSync('chmod', ['700', this.#data]);
  }

  async #said(): Promise<string> {
    return (await readFile(join(home(), this.#log), 'utf8')).slice(-1500);
  }

  get #log(): string {
    return `${this.kind.name}-${this.port}.log`;
  }

  #running(): ChildProcess {
    if (this.#child?.pid === undefined) throw new Error(`${this.kind.name} was not started.`);
    return this.#child;
  }
}

/** Whether a process still has anything; one that its parent has not taken note of has not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
