import { ExpressSessionStore, KnexSessionStore } from '@kss/express';
import { Body, Controller, Get, Inject, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request } from 'express';
import session from 'express-session';
import type { Knex } from 'knex';
import { SESSIONS, SessionsModule } from './nest-sessions.js';

export function openSessions(knex: Knex) {
  return new KnexSessionStore(knex, {
    schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
  });
}

type Sessions = ReturnType<typeof openSessions>;

@Controller()
class Devices {
  constructor(@Inject(SESSIONS) private readonly sessions: Sessions) {}

  @Post('login') // an app asks for more than a name
  async login(@Req() req: Request, @Body('name') name: string) {
    await new Promise<void>((resolve, reject) => {
      req.session.regenerate((error) => (error ? reject(error) : resolve()));
    });
    req.session.user_id = name;
  }

  @Get('devices')
  list(@Req() req: Request) {
    const { user_id } = req.session;
    return user_id ? this.sessions.find({ user_id }, { current: req.sessionID }) : [];
  }
}

@Module({ controllers: [Devices] })
class App {}

export async function createApp(sessions: Sessions): Promise<NestExpressApplication> {
  const module = { module: App, imports: [SessionsModule.over(sessions)] };
  const app = await NestFactory.create<NestExpressApplication>(module, { logger: ['error'] });
  app.use(
    session({
      store: new ExpressSessionStore(sessions),
      secret: process.env.SESSION_SECRET ?? 'a secret of your own',
      resave: false,
      saveUninitialized: false,
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
    }),
  );
  app.enableShutdownHooks(); // so that SIGTERM closes the app, and then the store
  return app;
}

declare module 'express-session' {
  interface SessionData {
    user_id?: string;
  }
}
