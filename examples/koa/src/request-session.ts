import { notices, paths } from '@kss/example-view';
import type { Context, Middleware } from 'koa';
import { COOKIE, type SessionData } from './sessions.js';

/** The request's session. Both session middlewares put it there, and save it when the request is over. */
export function sessionOf(ctx: Context): SessionData {
  return ctx.session as SessionData;
}

/** Lets signed-in users pass. Whoever was signed in until the session ended elsewhere is told so. */
export const requireUser: Middleware = async (ctx, next) => {
  const session = sessionOf(ctx);
  if (session.user_id) return next();
  const wasKnown = ctx.cookies.get(COOKIE, { signed: false }) && session.csrf_secret === undefined;
  if (wasKnown) session.notice = notices.over;
  redirect(ctx, paths.signIn);
};

/** The name of the user, behind `requireUser`. */
export function userOf(ctx: Context): string {
  const { user_id } = sessionOf(ctx);
  if (!user_id) throw new Error('This route needs requireUser.');
  return user_id;
}

/** What this page tells the user; the next one does not repeat it. */
export function takeNotice(ctx: Context): string | undefined {
  const session = sessionOf(ctx);
  const { notice } = session;
  delete session.notice;
  return notice;
}

/** Leads to another page, which is to be fetched with GET. */
export function redirect(ctx: Context, path: string): void {
  ctx.status = 303;
  ctx.redirect(path);
}
