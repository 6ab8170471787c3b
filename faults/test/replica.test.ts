import { absenceOf } from '../src/databases-script.js';
import { describeWhere } from '../src/describe.js';
import { primariesThatDie } from './replica-failover.js';
import { connectionsToReplicas } from './replica-reads.js';

describeWhere('a primary and its replica', 'replica', absenceOf('replica'), () => {
  connectionsToReplicas();
  primariesThatDie();
});
