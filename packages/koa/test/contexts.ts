import type { IncomingMessage } from 'node:http';

/** A session as the handlers of the tests see it. */
export interface Data {
  [key: string]: unknown;
  user?: string;
  n?: number;
  note?: unknown;
}

/** What the tests use of Koa's context, in any version. */
export interface BaseContext {
  readonly req: IncomingMessage;
  readonly path: string;
  readonly cookies: { get(name: string): string | undefined };
  get session(): Data;
  set session(session: object | null);
  body: unknown;
}

/** With koa-generic-session. Its methods return promises, or generators on Koa 1. */
export interface GenericContext extends BaseContext {
  get session(): Data & { cookie: { maxAge?: number | null; expires?: Date | string; path?: string } };
  set session(session: object | null);
  sessionId: string;
  sessionSave: boolean | null;
  readonly sessionStore: object;
  regenerateSession(): unknown;
  saveSession(): Promise<void>;
}

/** With koa-session. */
export interface SessionContext extends BaseContext {
  get session(): Data & {
    readonly isNew: boolean;
    readonly externalKey: string;
    maxAge: number | 'session';
    save(): Promise<void>;
    regenerate(): Promise<void>;
    manuallyCommit(): Promise<void>;
  };
  set session(session: object | null);
}

/** With koa-session-minimal. */
export interface MinimalContext extends BaseContext {
  readonly sessionHandler: { regenerateId(): void };
}

/**
 * What answers a request: a function, which may be async, or a generator function, in which `yield` waits. Generators run
 * as they are on Koa 1, and step by step elsewhere.
 */
export type Handler<C> = (ctx: C) => unknown;

/** A handler for each path. */
export type Routes<C> = Readonly<Record<string, Handler<C>>>;

/** Handlers that most tests need. */
export const routes = {
  /** Leaves the session alone. */
  '/ignore': (ctx) => {
    ctx.body = 'ignored';
  },
  '/login': (ctx) => {
    ctx.session.user = 'ada';
    ctx.body = 'in';
  },
  '/whoami': (ctx) => {
    ctx.body = ctx.session.user ?? 'nobody';
  },
  '/count': (ctx) => {
    ctx.session.n = (ctx.session.n ?? 0) + 1;
    ctx.body = String(ctx.session.n);
  },
  '/logout': (ctx) => {
    ctx.session = null;
    ctx.body = 'out';
  },
} as const satisfies Routes<BaseContext>;
