import {
  contentSecurityPolicy,
  deviceSession,
  devicesPage,
  icon,
  nameError,
  notices,
  paths,
  signInPage,
  stylesheet,
} from '@kss/example-view';
import { ExpressSessionStore } from '@kss/express';
import { csrfSync } from 'csrf-sync';
import express, { type Express } from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { notFound, showError } from './errors.js';
import { COOKIE, regenerate, requireUser, saveAndRedirect, takeNotice, userOf } from './request-session.js';
import type { Sessions } from './sessions.js';

export interface AppOptions {
  /** Signs the session cookie. */
  readonly secret: string;
  /** How many proxies stand before the app; they say whether the browser came by TLS. @default 0 */
  readonly proxies?: number;
}

const WEEK = 7 * 24 * 60 * 60 * 1000;

export function createApp(core: Sessions, { secret, proxies = 0 }: AppOptions): Express {
  const app = express();
  app.set('trust proxy', proxies);
  app.use(helmet({ contentSecurityPolicy }));

  app.get(paths.stylesheet, (_req, res) => {
    res.type('css').send(stylesheet);
  });
  app.get(paths.icon, (_req, res) => {
    res.type('svg').send(icon);
  });

  app.use(
    session({
      name: COOKIE,
      secret,
      store: new ExpressSessionStore(core),
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: WEEK },
    }),
    express.urlencoded({ extended: false, limit: '8kb' }),
    (_req, res, next) => {
      res.set('Cache-Control', 'no-store'); // after signing out, "back" shows nothing
      next();
    },
  );
  const { csrfSynchronisedProtection: csrf, generateToken } = csrfSync({
    getTokenFromRequest: (req) => req.body?._csrf,
    size: 32,
  });

  app.get(paths.signIn, (req, res) => {
    if (req.session.user_id) return res.redirect(303, paths.devices);
    res.send(signInPage({ csrfToken: generateToken(req), notice: takeNotice(req) }));
  });

  app.post(paths.signIn, csrf, async (req, res) => {
    const name = String(req.body.name ?? '').trim();
    const error = nameError(name);
    if (error !== undefined) {
      res.status(422).send(signInPage({ csrfToken: generateToken(req), name, error }));
      return;
    }
    await regenerate(req); // a session id that somebody planted before is worth nothing from here on
    req.session.user_id = name;
    req.session.user_agent = (req.get('user-agent') ?? '').slice(0, 255);
    await saveAndRedirect(req, res, paths.devices);
  });

  app.get(paths.devices, requireUser, async (req, res) => {
    const name = userOf(req);
    const found = await core.find({ user_id: name }, { current: req.sessionID, orderBy: { column: 'updatedAt' } });
    const sessions = found.map(deviceSession);
    res.send(devicesPage({ name, sessions, csrfToken: generateToken(req), notice: takeNotice(req) }));
  });

  // The account is always among the criteria: the handle of another account's session ends nothing.
  app.post(paths.endSession, requireUser, csrf, async (req, res) => {
    const ended = await core.destroyWhere({ user_id: userOf(req) }, { handle: String(req.params.handle) });
    req.session.notice = notices.ended(ended);
    await saveAndRedirect(req, res, paths.devices);
  });

  app.post(paths.endOthers, requireUser, csrf, async (req, res) => {
    const ended = await core.destroyWhere({ user_id: userOf(req) }, { except: req.sessionID });
    req.session.notice = notices.othersEnded(ended);
    await saveAndRedirect(req, res, paths.devices);
  });

  app.post(paths.signOut, requireUser, csrf, async (req, res) => {
    await regenerate(req);
    req.session.notice = notices.signedOut;
    await saveAndRedirect(req, res, paths.signIn);
  });

  app.use(notFound, showError);
  return app;
}
