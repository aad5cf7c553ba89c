import { describeBackends } from '../support/backends.js';
import { rwlockContract } from './rwlock.contract.js';

describeBackends('read-write locks', rwlockContract);
