import { describe, expect, it } from 'vitest';
import {
  deviceSession,
  devicesPage,
  errorPage,
  icon,
  nameError,
  signInPage,
  statusOf,
  stylesheet,
} from '../src/index.js';

const HOSTILE = `"><script>alert('&')</script>`;
const ESCAPED = '&#34;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;';
const NOW = new Date('2026-11-21T05:51:00.000Z');

function minutesAgo(minutes: number): Date {
  return new Date(NOW.getTime() - minutes * 60_000);
}

describe('every page', () => {
  const session = { handle: HOSTILE, userAgent: HOSTILE, current: false, lastSeenAt: NOW, signedInAt: NOW };
  it.each([
    ['sign-in', signInPage({ csrfToken: HOSTILE, name: HOSTILE, error: HOSTILE, notice: HOSTILE })],
    ['devices', devicesPage({ name: HOSTILE, csrfToken: HOSTILE, notice: HOSTILE, sessions: [session] })],
  ])('escapes what it is given: %s', (_, html) => {
    expect(html).toContain(ESCAPED);
    expect(html).not.toContain(HOSTILE);
    expect(html).not.toContain('<script');
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
  });

  it('needs neither scripts nor styles of its own', () => {
    const html = devicesPage({ name: 'ada', csrfToken: 't', sessions: [session] });
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/);
    expect(html).toContain('<link rel="stylesheet" href="/style.css">');
    expect(stylesheet).toContain('prefers-color-scheme: dark');
    expect(icon).toContain('<svg');
  });
});

describe('the error page', () => {
  it.each([
    [400, 'That did not work'],
    [403, 'This form is out of date'],
    [404, 'Page not found'],
    [413, 'That did not work'],
    [500, 'Something went wrong'],
    [503, 'Something went wrong'],
  ])('explains %d in words of its own', (status, title) => {
    const html = errorPage(status);
    expect(html).toContain(`<h1>${title}</h1>`);
    expect(html).toContain(`Error ${status}<`);
  });

  it.each([
    [{ status: 403 }, 403],
    [{ statusCode: 413 }, 413],
    [{ status: 200 }, 500],
    [{ status: '404' }, 500],
    [new Error('no status'), 500],
    [undefined, 500],
  ])('is shown with the status of the error: %o', (error, status) => expect(statusOf(error)).toBe(status));
});

describe('the devices page', () => {
  const chrome =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';
  const page = (sessions: Parameters<typeof devicesPage>[0]['sessions']) =>
    devicesPage({ name: 'ada', csrfToken: 'token', sessions, now: NOW });

  it('shows this session apart, and the others by when they were seen', () => {
    const html = page([
      { handle: 'old', userAgent: 'old/1.0', current: false, lastSeenAt: minutesAgo(90) },
      { handle: 'mine', userAgent: chrome, current: true, lastSeenAt: minutesAgo(30), signedInAt: minutesAgo(60) },
      { handle: 'new', userAgent: 'new/1.0', current: false, lastSeenAt: minutesAgo(5) },
    ]);
    const at = ['This session', 'Chrome on Linux', 'Active now', 'Other sessions', '<h3>new', '<h3>old'].map((text) =>
      html.indexOf(text),
    );
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(at).not.toContain(-1);
    expect(html).toContain('5 minutes ago</time>');
    expect(html).toContain(
      '<time datetime="2026-11-21T04:51:00.000Z" title="21 November 2026 at 04:51 UTC">1 hour ago</time>',
    );
  });

  it('ends every session but this one by its handle', () => {
    const html = page([
      { handle: 'a_-1', current: false },
      { handle: 'mine', current: true },
    ]);
    expect(html).toContain('action="/sessions/a_-1/end"');
    expect(html).not.toContain('mine');
    expect(html).toContain('action="/sessions/end-others"');
  });

  it('offers to end others only where there are any', () => {
    const html = page([{ handle: 'mine', current: true }]);
    expect(html).not.toContain('/sessions/');
    expect(html).toContain('There are none.');
    expect(html).toContain('action="/sign-out"');
  });

  it('shows what is known of a session without times or user agent', () => {
    const html = page([{ handle: 'bare', current: false }]);
    expect(html).toContain('<h3>Unknown browser</h3>');
    expect(html).not.toContain('<time');
  });

  it('carries the token in every form', () => {
    const html = page([
      { handle: 'a', current: false },
      { handle: 'b', current: false },
      { handle: 'mine', current: true },
    ]);
    expect(html.match(/<form/g)).toHaveLength(4);
    expect(html.match(/<input type="hidden" name="_csrf" value="token">/g)).toHaveLength(4);
  });
});

it('shows of a listed session its user agent and its times', () => {
  const times = { createdAt: minutesAgo(9), updatedAt: minutesAgo(3) };
  expect(deviceSession({ handle: 'h', current: true, columns: { user_agent: 'curl/8.5.0' }, ...times })).toEqual({
    ...{ handle: 'h', current: true, userAgent: 'curl/8.5.0' },
    ...{ signedInAt: times.createdAt, lastSeenAt: times.updatedAt },
  });
});

describe('the sign-in page', () => {
  it.each([
    ['', 'Enter a name.'],
    ['x'.repeat(101), 'Enter at most 100 characters, without control characters.'],
    ['a\0b', 'Enter at most 100 characters, without control characters.'],
    ['𝒳'.repeat(100), undefined],
    [`O'Neil "Bob"; --`, undefined],
  ])('says of the name %j: %s', (name, error) => expect(nameError(name)).toBe(error));

  it('ties the error to its field', () => {
    expect(signInPage({ csrfToken: 't', error: 'Enter a name.' })).toMatch(
      /aria-invalid="true" aria-describedby="name-error name-hint"[\s\S]*id="name-error" role="alert">Enter a name\.</,
    );
    expect(signInPage({ csrfToken: 't' })).not.toContain('role="alert"');
  });
});
