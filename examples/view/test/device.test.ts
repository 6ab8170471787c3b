import { expect, it } from 'vitest';
import { deviceOf } from '../src/device.js';

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0';

it.each([
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${BLINK} Safari/537.36`, 'desktop', 'Chrome on macOS'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0', 'desktop', 'Firefox on Windows'],
  [`Mozilla/5.0 (X11; Linux x86_64) ${BLINK} Safari/537.36`, 'desktop', 'Chrome on Linux'],
  [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${WEBKIT}`, 'mobile', 'Safari on iOS'],
  [`Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) ${WEBKIT}`, 'tablet', 'Safari on iOS'],
  [`Mozilla/5.0 (Linux; Android 15; Pixel 9) ${BLINK} Mobile Safari/537.36`, 'mobile', 'Chrome on Android'],
  ['curl/8.5.0', 'unknown', 'curl'],
  ['node', 'unknown', 'node'],
  ['', 'unknown', 'Unknown browser'],
  [null, 'unknown', 'Unknown browser'],
])('%s is a %s: %s', (userAgent, kind, name) => {
  expect(deviceOf(userAgent)).toEqual({ kind, name });
});
