import { afterAll, beforeAll, describe } from 'vitest';
import { absenceOf } from '../src/databases-script.js';
import { describeWhere } from '../src/describe.js';
import { type Pair, startPair } from '../src/replica.js';
import { questionsToPrimaries } from './replica-docs.js';
import { primariesThatDie } from './replica-failover.js';
import { storesBehindAPooler } from './replica-pooler.js';
import { connectionsToReplicas } from './replica-reads.js';

describeWhere('a primary and its replica', 'replica', absenceOf('replica'), () => {
  describe('both there', () => {
    let started: Pair | undefined;
    beforeAll(async () => {
      started = await startPair();
    });
    afterAll(() => started?.stop());
    const pair = () => {
      if (started === undefined) throw new Error('The servers are there only while tests run.');
      return started;
    };

    connectionsToReplicas(pair);
    storesBehindAPooler(pair);
    questionsToPrimaries(pair);
  });

  primariesThatDie();
});
