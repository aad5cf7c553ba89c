import { describeBackends } from '../support/backends.js';
import { ephemeralContract } from './ephemeral.contract.js';

describeBackends('ephemeral keys', ephemeralContract);
