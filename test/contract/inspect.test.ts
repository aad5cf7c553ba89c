import { describeBackends } from '../support/backends.js';
import { inspectContract } from './inspect.contract.js';

describeBackends('locks from outside', inspectContract);
