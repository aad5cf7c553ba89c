import { describeBackends } from '../support/backends.js';
import { semaphoreContract } from './semaphore.contract.js';

describeBackends('semaphores', semaphoreContract);
