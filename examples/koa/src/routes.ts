import Router from '@koa/router';
import { deviceSession, devicesPage, nameError, notices, paths, signInPage } from '@kss/example-view';
import type { Context } from 'koa';
import { csrfToken, field, requireToken } from './csrf.js';
import { redirect, requireUser, sessionOf, takeNotice, userOf } from './request-session.js';
import type { Sessions } from './sessions.js';

/** What the session middlewares do each in their own way. */
export interface SessionControl {
  /** The sid of the request's session, as the store knows it. */
  sidOf(ctx: Context): string | undefined;
  /** Ends the session, if there was one, and begins another under a new sid. */
  regenerate(ctx: Context): Promise<void>;
}

export function routes(core: Sessions, { sidOf, regenerate }: SessionControl): Router {
  const router = new Router();

  router.get(paths.signIn, (ctx) => {
    if (sessionOf(ctx).user_id) return redirect(ctx, paths.devices);
    ctx.body = signInPage({ csrfToken: csrfToken(ctx), notice: takeNotice(ctx) });
  });

  router.post(paths.signIn, requireToken, async (ctx) => {
    const name = field(ctx, 'name').trim();
    const error = nameError(name);
    if (error !== undefined) {
      ctx.status = 422;
      ctx.body = signInPage({ csrfToken: csrfToken(ctx), name, error });
      return;
    }
    await regenerate(ctx); // a session id that somebody planted before is worth nothing from here on
    sessionOf(ctx).user_id = name;
    sessionOf(ctx).user_agent = ctx.get('user-agent').slice(0, 255);
    redirect(ctx, paths.devices);
  });

  router.get(paths.devices, requireUser, async (ctx) => {
    const name = userOf(ctx);
    const found = await core.find({ user_id: name }, { current: sidOf(ctx), orderBy: { column: 'updatedAt' } });
    const sessions = found.map(deviceSession);
    ctx.body = devicesPage({ name, sessions, csrfToken: csrfToken(ctx), notice: takeNotice(ctx) });
  });

  // The account is always among the criteria: the handle of another account's session ends nothing.
  router.post(paths.endSession, requireUser, requireToken, async (ctx) => {
    const ended = await core.destroyWhere({ user_id: userOf(ctx) }, { handle: String(ctx.params.handle) });
    sessionOf(ctx).notice = notices.ended(ended);
    redirect(ctx, paths.devices);
  });

  router.post(paths.endOthers, requireUser, requireToken, async (ctx) => {
    const except = sidOf(ctx);
    if (except === undefined) throw new Error('A signed-in user has a session.');
    const ended = await core.destroyWhere({ user_id: userOf(ctx) }, { except });
    sessionOf(ctx).notice = notices.othersEnded(ended);
    redirect(ctx, paths.devices);
  });

  router.post(paths.signOut, requireUser, requireToken, async (ctx) => {
    await regenerate(ctx);
    sessionOf(ctx).notice = notices.signedOut;
    redirect(ctx, paths.signIn);
  });

  return router;
}
