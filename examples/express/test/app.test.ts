import { describeApp } from '@kss/example-view/testing';
import { expect, it } from 'vitest';
import { express } from './start.js';

describeApp('the Express example', express);

it('answers an address that is no address with a page', async () => {
  const app = await express.start();
  try {
    const response = await fetch(`${app.url}/sessions/%E0%A4%A/end`, { method: 'POST' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('That did not work');
  } finally {
    await app.stop();
  }
});
