import { deviceSession, devicesPage, nameError, notices, paths, signInPage } from '@kss/example-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sendPage } from './pages.js';
import { requireUser, takeNotice, userOf } from './request-session.js';
import type { Sessions } from './sessions.js';

export function routes(app: FastifyInstance, core: Sessions): void {
  // The token is a field of the form, so it is there only after the body was read.
  const withToken = { preHandler: app.csrfProtection };
  const asUser = { preHandler: requireUser };
  const asUserWithToken = { preHandler: [requireUser, app.csrfProtection] };

  app.get(paths.signIn, (request, reply) => {
    if (request.session.user_id) return reply.redirect(paths.devices, 303);
    return sendPage(reply, signInPage({ csrfToken: reply.generateCsrf(), notice: takeNotice(request) }));
  });

  app.post(paths.signIn, withToken, async (request, reply) => {
    const name = field(request, 'name').trim();
    const error = nameError(name);
    if (error !== undefined)
      return sendPage(reply.code(422), signInPage({ csrfToken: reply.generateCsrf(), name, error }));
    await request.session.regenerate(); // a session id that somebody planted before is worth nothing from here on
    request.session.user_id = name;
    request.session.user_agent = (request.headers['user-agent'] ?? '').slice(0, 255);
    return reply.redirect(paths.devices, 303);
  });

  app.get(paths.devices, asUser, async (request, reply) => {
    const name = userOf(request);
    const current = request.session.sessionId;
    const found = await core.find({ user_id: name }, { current, orderBy: { column: 'updatedAt' } });
    const sessions = found.map(deviceSession);
    return sendPage(
      reply,
      devicesPage({ name, sessions, csrfToken: reply.generateCsrf(), notice: takeNotice(request) }),
    );
  });

  // The account is always among the criteria: the handle of another account's session ends nothing.
  app.post<{ Params: { handle: string } }>(paths.endSession, asUserWithToken, async (request, reply) => {
    const ended = await core.destroyWhere({ user_id: userOf(request) }, { handle: request.params.handle });
    request.session.notice = notices.ended(ended);
    return reply.redirect(paths.devices, 303);
  });

  app.post(paths.endOthers, asUserWithToken, async (request, reply) => {
    const ended = await core.destroyWhere({ user_id: userOf(request) }, { except: request.session.sessionId });
    request.session.notice = notices.othersEnded(ended);
    return reply.redirect(paths.devices, 303);
  });

  app.post(paths.signOut, asUserWithToken, async (request, reply) => {
    await request.session.regenerate();
    request.session.notice = notices.signedOut;
    return reply.redirect(paths.signIn, 303);
  });
}

/** What was sent in a field of a form. */
function field({ body }: FastifyRequest, name: string): string {
  const form = (body ?? {}) as Record<string, unknown>;
  return String(form[name] ?? '');
}
