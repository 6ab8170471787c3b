import { KnexSessionStore } from '@kss/core';
import { expect, it } from 'vitest';
import { frameworks, startApp } from '../src/apps.js';
import { describeServers } from '../src/describe.js';
import { httpTarget } from '../src/http-target.js';
import { Ledger } from '../src/ledger.js';
import { startLoad } from '../src/load.js';
import { amount, sleep } from '../src/mode.js';
import { random, SEED } from '../src/random.js';
import { record } from '../src/report.js';
import { expectWhole } from '../src/scenario.js';
import { collectStrays, countStrays } from '../src/strays.js';

const TIMEOUT = amount(500, 1000);
const CLIENTS = 12;
const SESSIONS = 6;
// A request saves its session; express-session saves again at its end, and Fastify with the answer that it failed.
const CALLS = 3;

describeServers('an outage of the database under HTTP load', (server) => {
  const strays = collectStrays();

  it.each(Object.entries(frameworks))(
    `reaches the app's handler, hangs no response and ends no process: %s (seed ${SEED})`,
    async (name, framework) => {
      strays.length = 0;
      const draw = random(SEED);
      const ledger = new Ledger(CALLS * TIMEOUT + 1500);
      const knex = server().open();
      const store = new KnexSessionStore(knex, { tableName: 'kss_frameworks', timeout: TIMEOUT, onError() {} });
      await store.waitForSync();
      const app = await startApp(framework, store);
      const target = httpTarget(app.url);
      const load = startLoad({ ledger, targets: [target], clients: CLIENTS, sessions: SESSIONS, random: draw.fork() });
      const faults = amount(2, 8);
      for (let round = 0; round < faults; round++) {
        await sleep(draw.between(200, amount(400, 1500)));
        if (round % 2 === 0) {
          await server().kill();
          await sleep(draw.between(100, 500));
          await server().restart();
        } else {
          server().freeze();
          await sleep(draw.between(TIMEOUT + 200, 2 * TIMEOUT));
          server().thaw();
        }
        await ledger.recovered(performance.now(), 15_000);
      }
      await sleep(200);
      await load.stop();
      await sleep(1.2 * TIMEOUT); // what a middleware does after its answer
      const { requests } = app.heard;
      const answered = requests.filter(({ status }) => status === 200 || status === 503).length;

      const held = new Map<string, number>();
      for (let client = 0; client < CLIENTS; client++) {
        for (let i = 1; i <= SESSIONS; i++) {
          const n = await target.read(`client-${client}-${i}`);
          if (n !== null) held.set(`client-${client}-${i}`, n);
        }
      }
      countStrays(strays, ledger);
      const verdict = ledger.missing(held);
      await app.close();
      await store.close();
      await knex.destroy();
      await record(
        { scenario: `database killed or stopped under ${name}`, database: server().version, faults },
        ledger,
        verdict,
      );

      expectWhole({ late: true }, ledger, verdict);
      expect(answered).toBe(ledger.requests);
      const wrong = requests.filter(({ failed, heard }) => heard !== framework.heard(failed));
      expect(wrong.slice(0, 3)).toEqual([]);
      expect(requests.filter(({ failed, status }) => status === 503 && failed === 0)).toEqual([]);
    },
  );
});
