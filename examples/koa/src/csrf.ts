import Tokens from 'csrf';
import type { Context, Middleware } from 'koa';
import { sessionOf } from './request-session.js';

const tokens = new Tokens();

/** A token for the forms of a page. What it is checked by is kept in the session, and is new in each session. */
export function csrfToken(ctx: Context): string {
  const session = sessionOf(ctx);
  session.csrf_secret ??= tokens.secretSync();
  return tokens.create(session.csrf_secret);
}

/** Lets forms pass that a page of this session sent. */
export const requireToken: Middleware = async (ctx, next) => {
  const { csrf_secret } = sessionOf(ctx);
  if (!csrf_secret || !tokens.verify(csrf_secret, field(ctx, '_csrf'))) ctx.throw(403);
  await next();
};

/** What was sent in a field of a form. */
export function field(ctx: Context, name: string): string {
  const form = (ctx.request.body ?? {}) as Record<string, unknown>;
  return String(form[name] ?? '');
}
