import { describeBackends } from '../support/backends.js';
import { counterContract } from './counter.contract.js';

describeBackends('counters', counterContract);
