import { errorPage, statusOf } from '@kss/example-view';
import type { Middleware } from 'koa';

/** Shows a page for what nothing answered, and for what went wrong. */
export const showErrors: Middleware = async (ctx, next) => {
  try {
    await next();
    if (ctx.status === 404) ctx.throw(404);
  } catch (error) {
    const status = statusOf(error);
    if (status >= 500) ctx.app.emit('error', error, ctx); // Koa logs it
    ctx.status = status;
    ctx.type = 'html';
    ctx.body = errorPage(status);
  }
};
