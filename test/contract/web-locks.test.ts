import { describeBackends } from '../support/backends.js';
import { webLocksContract } from './web-locks.contract.js';

describeBackends('web locks', webLocksContract);
