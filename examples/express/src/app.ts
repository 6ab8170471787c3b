import { devicesPage, icon, paths, signInPage, stylesheet } from '@kss/example-view';
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
const NAME = /^[^\p{Cc}]{1,100}$/u;
const SELF = ["'self'"];
const NONE = ["'none'"];

export function createApp(core: Sessions, { secret, proxies = 0 }: AppOptions): Express {
  const app = express();
  app.set('trust proxy', proxies);
  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: NONE,
          styleSrc: SELF,
          imgSrc: SELF,
          formAction: SELF,
          baseUri: NONE,
          frameAncestors: NONE,
        },
      },
    }),
  );

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
    if (!NAME.test(name)) {
      const error = name === '' ? 'Enter a name.' : 'Enter at most 100 characters, without control characters.';
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
    const sessions = found.map(({ handle, current, columns, createdAt, updatedAt }) => ({
      handle,
      current,
      userAgent: columns.user_agent,
      signedInAt: createdAt,
      lastSeenAt: updatedAt,
    }));
    res.send(devicesPage({ name, sessions, csrfToken: generateToken(req), notice: takeNotice(req) }));
  });

  // The account is always among the criteria: the handle of another account's session ends nothing.
  app.post(paths.endSession, requireUser, csrf, async (req, res) => {
    const ended = await core.destroyWhere({ user_id: userOf(req) }, { handle: String(req.params.handle) });
    req.session.notice = ended === 0 ? 'That session had ended already.' : 'The session was ended.';
    await saveAndRedirect(req, res, paths.devices);
  });

  app.post(paths.endOthers, requireUser, csrf, async (req, res) => {
    const ended = await core.destroyWhere({ user_id: userOf(req) }, { except: req.sessionID });
    req.session.notice = ended === 1 ? 'One other session was ended.' : `${ended} other sessions were ended.`;
    await saveAndRedirect(req, res, paths.devices);
  });

  app.post(paths.signOut, requireUser, csrf, async (req, res) => {
    await regenerate(req);
    req.session.notice = 'You are signed out.';
    await saveAndRedirect(req, res, paths.signIn);
  });

  app.use(notFound, showError);
  return app;
}
