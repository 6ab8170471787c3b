import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  describeBrowser,
  type Page,
} from './browser.js';
import type { RunningApp, TestedApp } from './start.js';

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

/** What every example does in real browsers, whatever its framework. */
export function describeInBrowser(title: string, tested: TestedApp): void {
  describeBrowser(title, (browser) => suite(browser, tested));
}

function suite(browser: () => Browser, { start, sidIn }: TestedApp): void {
  let app: RunningApp;
  beforeAll(async () => {
    app = await start();
  });
  afterAll(() => app.stop());

  it('lists an account’s sessions, and ends one from another browser', async () => {
    const [desk, phone] = [
      await open(browser()),
      await open(browser(), { userAgent: IPHONE, javaScriptEnabled: false }),
    ];
    await signIn(desk, 'ada');
    await signIn(phone, 'ada');

    await phone.page.reload();
    expect(await listed(phone.page)).toEqual({ current: ['Safari on iOS'], others: ['Chrome on Linux'] });
    await desk.page.reload();
    expect(await listed(desk.page)).toEqual({ current: ['Chrome on Linux'], others: ['Safari on iOS'] });

    await desk.page.getByRole('button', { name: 'End session: Safari on iOS' }).click();
    await desk.page.getByRole('status').filter({ hasText: 'The session was ended.' }).waitFor();
    expect(await listed(desk.page)).toEqual({ current: ['Chrome on Linux'], others: [] });

    await phone.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await phone.page.waitForURL('**/sign-in');
    expect(await phone.page.getByRole('status').textContent()).toContain('Your session has ended.');
    await phone.page.goto(app.url);
    expect(new URL(phone.page.url()).pathname).toBe('/sign-in');
    await close(desk, phone);
  });

  it('ends all the others', async () => {
    const [first, second, third] = [
      await open(browser()),
      await open(browser(), { userAgent: IPHONE }),
      await open(browser()),
    ];
    for (const visitor of [first, second, third]) await signIn(visitor, 'grace');
    await first.page.reload();
    expect((await listed(first.page)).others).toHaveLength(2);

    await first.page.getByRole('button', { name: 'Sign out all other sessions' }).click();
    await first.page.getByRole('status').filter({ hasText: '2 other sessions were ended.' }).waitFor();
    expect(await listed(first.page)).toEqual({ current: ['Chrome on Linux'], others: [] });
    for (const { page } of [second, third]) {
      await page.reload();
      expect(new URL(page.url()).pathname).toBe('/sign-in');
    }
    await close(first, second, third);
  });

  it('gives the session a new id at sign-in, and shows it on no page', async () => {
    const visitor = await open(browser());
    await visitor.page.goto(`${app.url}/sign-in`);
    const before = await cookieOf(visitor);
    await signIn(visitor, 'edsger');
    const after = await cookieOf(visitor);
    expect(after).toMatchObject({ httpOnly: true, sameSite: 'Lax' });
    expect(after.value).not.toBe(before.value);
    expect(after.sid).not.toBe(before.sid);

    const html = await visitor.page.content();
    expect(html).toContain('edsger');
    for (const secret of [after.value, decodeURIComponent(after.value), after.sid, before.sid]) {
      expect(secret.length).toBeGreaterThanOrEqual(32);
      expect(html).not.toContain(secret);
    }
    expect(await visitor.page.evaluate('document.cookie')).toBe('');
    await close(visitor);
  });

  it('shows a name as text, whatever it is', async () => {
    const name = '<script>alert(1)</script>';
    const visitor = await open(browser());
    const dialogs: string[] = [];
    visitor.page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      return dialog.dismiss();
    });
    await signIn(visitor, name);
    expect(await visitor.page.getByText(`Where ${name} is signed in.`).count()).toBe(1);
    expect(await visitor.page.locator('script').count()).toBe(0);
    expect(dialogs).toEqual([]);
    await close(visitor);
  });

  it('is styled, in the light and in the dark, within its own policy', async () => {
    const visitor = await open(browser());
    const complaints: string[] = [];
    visitor.page.on('console', (message) => complaints.push(message.text()));
    await signIn(visitor, 'designer');
    const ground = () => visitor.page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await visitor.page.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    await visitor.page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).not.toBe(light);
    await visitor.page.setViewportSize({ width: 320, height: 640 });
    expect(await visitor.page.evaluate('document.documentElement.scrollWidth')).toBe(320);
    expect(complaints).toEqual([]);
    await close(visitor);
  });

  interface Visitor {
    readonly context: BrowserContext;
    readonly page: Page;
  }

  async function open(chromium: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await chromium.newContext(options);
    context.setDefaultTimeout(30_000); // below the test's own, so that the error says what was waited for
    return { context, page: await context.newPage() };
  }

  async function signIn({ page }: Visitor, name: string): Promise<void> {
    await page.goto(app.url);
    await page.getByLabel('Name').fill(name);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Your sessions' }).waitFor();
  }

  async function cookieOf({ context }: Visitor) {
    const cookie = (await context.cookies()).find(({ name }) => name === 'kss.sid');
    if (cookie === undefined) throw new Error('The browser has no session cookie.');
    return { ...cookie, sid: sidIn(decodeURIComponent(cookie.value)) };
  }

  async function close(...visitors: Visitor[]): Promise<void> {
    for (const { context } of visitors) await context.close();
  }
}

/** The browsers under "This session" and under "Other sessions". */
async function listed(page: Page): Promise<{ current: string[]; others: string[] }> {
  const names = async (section: string) => {
    const headings = page.getByRole('region', { name: section }).getByRole('heading', { level: 3 });
    return (await headings.allTextContents()).map((text) => text.replace('Active now', '').trim());
  };
  return { current: await names('This session'), others: await names('Other sessions') };
}
