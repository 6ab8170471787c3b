import cookie from '@fastify/cookie';
import fastifySession, { type FastifySessionObject } from '@fastify/session';
import { FastifySessionStore, KnexSessionStore } from '@kss/fastify';
import { Body, Controller, Get, Inject, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Knex } from 'knex';
import { SESSIONS, SessionsModule } from './nest-sessions.js';

export function openSessions(knex: Knex) {
  return new KnexSessionStore(knex, {
    schemas: [{ name: 'user_id', type: 'string', args: [100], index: true }],
  });
}

type Sessions = ReturnType<typeof openSessions>;

interface Request {
  readonly session: FastifySessionObject & { user_id?: string };
}

@Controller()
class Devices {
  constructor(@Inject(SESSIONS) private readonly sessions: Sessions) {}

  @Post('login') // an app asks for more than a name
  async login(@Req() request: Request, @Body('name') name: string) {
    await request.session.regenerate();
    request.session.user_id = name; // of the new session
  }

  @Get('devices')
  list(@Req() { session }: Request) {
    const { user_id } = session;
    return user_id ? this.sessions.find({ user_id }, { current: session.sessionId }) : [];
  }
}

@Module({ controllers: [Devices] })
class App {}

export async function createApp(sessions: Sessions): Promise<NestFastifyApplication> {
  const module = { module: App, imports: [SessionsModule.over(sessions)] };
  const adapter = new FastifyAdapter();
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { logger: ['error'] });
  // Nest may bring another version of Fastify than the one that the plugins take their types from.
  const fastify = adapter.getInstance<Parameters<typeof fastifySession>[0]>();
  await fastify.register(cookie);
  await fastify.register(fastifySession, {
    store: new FastifySessionStore(sessions),
    secret: process.env.SESSION_SECRET ?? 'a secret of your own, 32 characters long',
    rolling: true,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
  });
  app.enableShutdownHooks(); // so that SIGTERM closes the app, and then the store
  return app;
}
