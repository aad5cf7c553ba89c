import { describeBackends } from '../support/backends.js';
import { barrierContract } from './barrier.contract.js';

describeBackends('barriers', barrierContract);
