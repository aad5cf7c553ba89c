import { describeBackends } from '../support/backends.js';
import { queueContract } from './queue.contract.js';

describeBackends('queues', queueContract);
