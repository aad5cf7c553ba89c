import { describeBackends } from '../support/backends.js';
import { lockContract } from './lock.contract.js';

describeBackends('locks', lockContract);
