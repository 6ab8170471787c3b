import { deviceOf } from './device.js';
import { momentOf } from './moment.js';
import { asset, template } from './templates.js';
import { explain } from './wording.js';

export { contentSecurityPolicy } from './policy.js';
export { nameError, notices, statusOf } from './wording.js';

/** Where the pages' forms and links go. `:handle` stands for a session's handle. */
export const paths = {
  devices: '/',
  signIn: '/sign-in',
  signOut: '/sign-out',
  endSession: '/sessions/:handle/end',
  endOthers: '/sessions/end-others',
  stylesheet: '/style.css',
  icon: '/icon.svg',
} as const;

/** The stylesheet that every page links to. */
export const stylesheet = asset('style.css');

/** The icon that every page links to, as SVG. */
export const icon = asset('icon.svg');

export interface SignInPage {
  readonly csrfToken: string;
  /** What was typed before, to be corrected. */
  readonly name?: string;
  /** What is wrong with it. */
  readonly error?: string | undefined;
  /** What happened before this page. */
  readonly notice?: string | undefined;
}

export interface DevicesPage {
  /** Whose sessions these are. */
  readonly name: string;
  readonly csrfToken: string;
  readonly sessions: readonly DeviceSession[];
  /** What happened before this page. */
  readonly notice?: string | undefined;
  /** @default the time of the call */
  readonly now?: Date;
}

/** A session in the list. Its sid has no place here: the handle names it. */
export interface DeviceSession {
  readonly handle: string;
  /** Whether it is the session that asks for the page. */
  readonly current: boolean;
  readonly userAgent?: string | null | undefined;
  readonly signedInAt?: Date | undefined;
  readonly lastSeenAt?: Date | undefined;
}

/** A session as the store lists it, of an app with a column for the user agent and with timestamps. */
export interface ListedSession {
  readonly handle: string;
  readonly current: boolean;
  readonly columns: { readonly user_agent?: string | null };
  readonly createdAt?: Date;
  readonly updatedAt?: Date;
}

const renderSignIn = template('sign-in');
const renderDevices = template('devices');
const renderError = template('error');

/** The form that asks for a name. */
export function signInPage({ csrfToken, name = '', error, notice }: SignInPage): string {
  return renderSignIn({ paths, title: 'Sign in', csrfToken, name, error, notice });
}

/** The account's sessions: this one, and the others with the most recently seen first. */
export function devicesPage({ name, csrfToken, sessions, notice, now = new Date() }: DevicesPage): string {
  const shown = sessions.map((session) => present(session, now));
  const others = shown.filter(({ current }) => !current).sort((a, b) => b.seen - a.seen);
  const current = shown.filter((session) => session.current);
  return renderDevices({ paths, title: 'Your sessions', name, csrfToken, notice, current, others });
}

/** What `devicesPage` shows of a session that the store listed. */
export function deviceSession({ handle, current, columns, createdAt, updatedAt }: ListedSession): DeviceSession {
  return { handle, current, userAgent: columns.user_agent, signedInAt: createdAt, lastSeenAt: updatedAt };
}

export function errorPage(status: number): string {
  return renderError({ paths, status, ...explain(status) });
}

function present({ handle, current, userAgent, signedInAt, lastSeenAt }: DeviceSession, now: Date) {
  return {
    current,
    device: deviceOf(userAgent),
    endPath: paths.endSession.replace(':handle', encodeURIComponent(handle)),
    signedIn: signedInAt && momentOf(signedInAt, now),
    lastSeen: lastSeenAt && momentOf(lastSeenAt, now),
    seen: lastSeenAt?.getTime() ?? 0,
  };
}
