import { afterAll, beforeAll } from 'vitest';
import { absenceOf } from '../src/databases-script.js';
import { describeWhere } from '../src/describe.js';
import { type Galera, startGalera } from '../src/galera.js';
import { writesOnTwoNodesAtOnce } from './galera-conflicts.js';
import { questionsToNodes } from './galera-docs.js';
import { nodesThatFail } from './galera-kill.js';
import { readsThroughOtherNodes } from './galera-reads.js';

describeWhere('three nodes', 'galera', absenceOf('galera'), () => {
  let started: Galera | undefined;
  beforeAll(async () => {
    started = await startGalera();
  });
  afterAll(() => started?.stop());
  const galera = () => {
    if (started === undefined) throw new Error('The cluster is there only while tests run.');
    return started;
  };

  readsThroughOtherNodes(galera);
  writesOnTwoNodesAtOnce(galera);
  nodesThatFail(galera);
  questionsToNodes(galera);
});
