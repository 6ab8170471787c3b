import { notices, paths } from '@kss/example-view';
import type { FastifyReply, FastifyRequest } from 'fastify';

export const COOKIE = 'kss.sid';

/** Lets signed-in users pass. Whoever was signed in until the session ended elsewhere is told so. */
export async function requireUser({ session, cookies }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (session.user_id) return;
  const wasKnown = cookies[COOKIE] !== undefined && session._csrf === undefined;
  if (wasKnown) session.notice = notices.over;
  return reply.redirect(paths.signIn, 303);
}

/** The name of the user, behind `requireUser`. */
export function userOf({ session }: FastifyRequest): string {
  if (!session.user_id) throw new Error('This route needs requireUser.');
  return session.user_id;
}

/** What this page tells the user; the next one does not repeat it. */
export function takeNotice({ session }: FastifyRequest): string | undefined {
  const { notice } = session;
  delete session.notice;
  return notice;
}
