import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import express, { type Express as App, type Request } from 'express';
import session from 'express-session';
import type { Knex } from 'knex';
import { Passport } from 'passport';
import { Strategy } from 'passport-local';

/** @param check the user with this name and password, or false */
export function createApp(knex: Knex, check: (name: string, password: string) => Promise<Express.User | false>) {
  const sessions = new KnexSessionStore(knex, {
    schemas: [{ name: 'user_id', type: 'string', args: [100], from: 'passport.user', index: true }],
  });

  const passport = new Passport();
  passport.use(
    new Strategy((name, password, done) => {
      check(name, password).then((user) => done(null, user), done);
    }),
  );
  passport.serializeUser<string>((user, done) => done(null, user.id));
  passport.deserializeUser<string>((id, done) => done(null, { id }));

  const app: App = express();
  app.use(
    session({
      store: new ExpressSessionStore(sessions),
      secret: process.env.SESSION_SECRET ?? 'a secret of your own',
      resave: false,
      saveUninitialized: false,
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
    }),
    express.json(),
    passport.authenticate('session'),
  );

  // Signing in gives the session a new id, and ends the old one.
  app.post('/login', passport.authenticate('local'), (req, res) => res.json({ user: req.user }));
  app.post('/logout', (req, res, next) => req.logout((error) => (error ? next(error) : res.sendStatus(204))));

  app.use('/devices', (req, res, next) => (req.user ? next() : res.sendStatus(401)));
  app.get('/devices', async (req, res) => {
    res.json(await sessions.find({ user_id: userOf(req) }, { current: req.sessionID }));
  });
  app.post('/devices/end-others', async (req, res) => {
    res.json({ ended: await sessions.destroyWhere({ user_id: userOf(req) }, { except: req.sessionID }) });
  });
  app.post('/devices/:handle/end', async (req, res) => {
    const { handle } = req.params;
    res.json({ ended: await sessions.destroyWhere({ user_id: userOf(req) }, { handle }) });
  });
  return { app, sessions };
}

/** The id of the user, behind the guard: without one, criteria must not be made. */
function userOf({ user }: Request): string {
  if (user === undefined) throw new Error('This route is for users.');
  return user.id;
}

declare global {
  namespace Express {
    interface User {
      id: string;
    }
  }
}
