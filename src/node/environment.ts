import { hostname } from 'node:os';
import type { Identity } from '../line/context.js';

/** Where `connect()` goes without an argument. */
export function urlFromEnvironment(): string {
  const { CONCLAVE_URL, ETCDCTL_ENDPOINTS } = process.env;
  return CONCLAVE_URL || ETCDCTL_ENDPOINTS || 'http://127.0.0.1:2379';
}

/** What this process writes into its places. */
export function thisProcess(label: string | undefined): Identity {
  return { host: hostname(), pid: process.pid, ...(label !== undefined && { label }) };
}

/** For messages of whoever is kept out by this process. */
export function thisPid(): number {
  return process.pid;
}
