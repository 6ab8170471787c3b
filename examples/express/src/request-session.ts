import { promisify } from 'node:util';
import { notices, paths } from '@kss/example-view';
import type { Request, RequestHandler, Response } from 'express';

export const COOKIE = 'kss.sid';

/** Lets signed-in users pass. Whoever was signed in until the session ended elsewhere is told so. */
export const requireUser: RequestHandler = async (req, res, next) => {
  if (req.session.user_id) return next();
  const wasKnown = req.headers.cookie?.includes(`${COOKIE}=`) && req.session.csrfToken === undefined;
  if (!wasKnown) return res.redirect(303, paths.signIn);
  req.session.notice = notices.over;
  await saveAndRedirect(req, res, paths.signIn);
};

/** The name of the user, behind `requireUser`. */
export function userOf(req: Request): string {
  const { user_id } = req.session;
  if (!user_id) throw new Error('This route needs requireUser.');
  return user_id;
}

/** Ends the session, if there was one, and begins another under a new id. */
export async function regenerate(req: Request): Promise<void> {
  await promisify(req.session.regenerate).call(req.session);
}

/** A browser follows a redirect as soon as it has the headers, so the session is saved before they are sent. */
export async function saveAndRedirect(req: Request, res: Response, path: string): Promise<void> {
  await promisify(req.session.save).call(req.session);
  res.redirect(303, path);
}

/** What this page tells the user; the next one does not repeat it. */
export function takeNotice(req: Request): string | undefined {
  const { notice } = req.session;
  delete req.session.notice;
  return notice;
}
