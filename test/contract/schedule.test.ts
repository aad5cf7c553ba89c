import { describeBackends } from '../support/backends.js';
import { scheduleContract } from './schedule.contract.js';

describeBackends('schedules of single runs', scheduleContract);
