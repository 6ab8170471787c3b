import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

export type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

const USUAL_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

// The last ones keep it from calling home.
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is, or why it cannot be used. */
function findChromium(): { readonly path: string } | { readonly absent: string } {
  const given = process.env.CHROMIUM_PATH;
  if (given)
    return existsSync(given) ? { path: given } : { absent: `CHROMIUM_PATH is ${given}, where there is nothing` };
  const path = USUAL_PATHS.find((candidate) => existsSync(candidate));
  return path === undefined
    ? { absent: `no Chromium at ${USUAL_PATHS.join(', ')}, and CHROMIUM_PATH is not set` }
    : { path };
}

/** Starts a headless Chromium of the system's. */
async function launchChromium(): Promise<Browser> {
  const found = findChromium();
  if ('absent' in found) throw new Error(found.absent);
  return chromium.launch({ executablePath: found.path, args: ARGUMENTS });
}

/**
 * Runs a suite in a real browser. Without one it is skipped aloud, or fails where KSS_TEST_REQUIRE names `chromium`.
 *
 * `use` gets a function that gives the browser, open from before the first test until after the last.
 */
export function describeBrowser(title: string, use: (browser: () => Browser) => void): void {
  const found = findChromium();
  if ('absent' in found) {
    if (required()) {
      describe(title, () => it('has the browser that it requires', () => expect.fail(found.absent)));
    } else {
      console.warn(`SKIPPED: ${title}: ${found.absent}`);
      describe.skip(`${title} (${found.absent})`, () => it('is skipped', () => {}));
    }
    return;
  }
  describe(title, { timeout: 120_000 }, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
    });
    use(() => {
      if (browser === undefined) throw new Error('The browser is open only while tests run.');
      return browser;
    });
  });
}

function required(): boolean {
  const names = (process.env.KSS_TEST_REQUIRE ?? '').split(',');
  return names.some((name) => name.trim() === 'chromium');
}
