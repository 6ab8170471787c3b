import 'reflect-metadata';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';

interface Closable {
  close(): Promise<void>;
}

/** Injects the store: `@Inject(SESSIONS) private readonly sessions: Sessions`. */
export const SESSIONS = Symbol('sessions');

@Module({})
export class SessionsModule implements OnApplicationShutdown {
  constructor(@Inject(SESSIONS) private readonly sessions: Closable) {}

  static over(sessions: Closable): DynamicModule {
    const provider = { provide: SESSIONS, useValue: sessions };
    return { module: SessionsModule, providers: [provider], exports: [provider] };
  }

  /** Runs when the last request was answered; earlier hooks would close the store under requests that still save. */
  async onApplicationShutdown(): Promise<void> {
    await this.sessions.close();
  }
}
