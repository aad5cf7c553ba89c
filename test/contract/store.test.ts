import { describeBackends } from '../support/backends.js';
import { expectNoLeaks } from '../support/leaks.js';
import { leaseContract } from './store-lease.contract.js';
import { lifeContract } from './store-life.contract.js';
import { rangeContract } from './store-range.contract.js';
import { txnContract } from './store-txn.contract.js';
import { watchContract } from './store-watch.contract.js';

expectNoLeaks();

describeBackends('the Store port', (backend) => {
  rangeContract(backend);
  txnContract(backend);
  watchContract(backend);
  leaseContract(backend);
  lifeContract(backend);
});
