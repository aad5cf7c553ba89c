import type { Command } from 'commander';
import type { Conclave } from '../../conclave.js';
import { parseTarget } from '../../connect/target.js';
import { ConclaveError } from '../../core/errors.js';
import { urlOf, withConclave } from '../connection.js';
import { exitCodeOf } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { type ServerPage, serverPage } from '../server-page.js';
import { Signals } from '../signals.js';
import { duration, table } from '../table.js';

/** Reads whose time is taken. */
const roundTrips = 20;

/** What one endpoint is like; times in milliseconds. */
interface Report {
  readonly url: string;
  readonly connectMs: number;
  /** Absent where the endpoint serves no pages: `server` is then unknown, and `clock` too. */
  readonly page?: ServerPage | undefined;
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  readonly lease: { readonly grantedMs: number; readonly grantMs: number };
  readonly roundTripMs: { readonly least: number; readonly median: number; readonly most: number };
}

export function defineCheck(command: Command): void {
  command.action(async () => {
    process.exitCode = await checkAll(command.optsWithGlobals<GlobalFlags>());
  });
}

/** Each endpoint by itself; the first that fails decides the exit code. */
async function checkAll(flags: GlobalFlags): Promise<number> {
  const signals = new Signals();
  const failures: number[] = [];
  try {
    for (const url of endpointsOf(urlOf(flags))) {
      try {
        show(await check(url, flags, signals.first), flags);
      } catch (error) {
        signals.first.throwIfAborted();
        complain(error instanceof Error ? error.message : String(error));
        failures.push(exitCodeOf(error));
      }
    }
  } finally {
    signals[Symbol.dispose]();
  }
  return failures[0] ?? 0;
}

function endpointsOf(url: string): string[] {
  const target = parseTarget(url);
  if (target.type !== 'endpoints') return [url];
  return target.endpoints.map((each) => `${target.secure ? 'https' : 'http'}://${each}`);
}

async function check(url: string, flags: GlobalFlags, signal: AbortSignal): Promise<Report> {
  const startedAt = performance.now();
  return withConclave({ ...flags, url }, { signal }, async (conclave) => {
    const connectMs = performance.now() - startedAt;
    const roundTripMs = await timeReads(conclave, signal);
    const grantedAt = performance.now();
    await conclave.session.open({ signal });
    const lease = { grantedMs: conclave.session.ttlMs, grantMs: performance.now() - grantedAt };
    const { clusterId, memberId, revision } = (await read(conclave, signal)).header;
    return { url, connectMs, page: await serverPage(url, flags), clusterId, memberId, revision, lease, roundTripMs };
  });
}

async function timeReads(conclave: Conclave, signal: AbortSignal): Promise<Report['roundTripMs']> {
  const times: number[] = [];
  for (let i = 0; i < roundTrips; i++) {
    const startedAt = performance.now();
    await read(conclave, signal);
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (i: number) => times[i] ?? 0;
  return { least: at(0), median: at(Math.floor(roundTrips / 2)), most: at(roundTrips - 1) };
}

/** Counts one key that is hardly there: linearizable, and as little as can be asked. */
async function read(conclave: Conclave, signal: AbortSignal): Promise<Awaited<ReturnType<Conclave['range']>>> {
  try {
    return await conclave.range({ key: 'conclave', countOnly: true }, { signal });
  } catch (error) {
    if (!ConclaveError.is(error, 'PERMISSION_DENIED')) throw error;
    throw new ConclaveError('PERMISSION_DENIED', `${error.message}: this user may not read the key "conclave"`);
  }
}

function show(report: Report, flags: GlobalFlags): void {
  if (flags.json) printJson(report);
  else print(reportText(report));
}

function reportText(report: Report): string {
  const { url, connectMs, page, clusterId, memberId, revision, lease, roundTripMs: trip } = report;
  const rows = [
    ['reachable', `yes, ${ms(connectMs)} to connect`],
    ['server', page === undefined ? 'unknown: it serves no /version' : page.server],
    ['cluster', `${clusterId.toString(16)}, member ${memberId.toString(16)}, revision ${revision}`],
    ['lease', `granted for ${duration(lease.grantedMs)} in ${ms(lease.grantMs)}`],
    ['round trip', `${ms(trip.median)}; ${ms(trip.least)} to ${ms(trip.most)} of ${roundTrips} reads`],
    ['clock', page === undefined ? 'unknown' : clockText(page)],
  ];
  return table([url, ''], rows);
}

/** Nothing is decided by it: only the ages that are shown compare clocks of two machines. */
function clockText({ clock }: ServerPage): string {
  if (clock === undefined) return 'unknown: the server does not tell its time';
  const { aheadMs, uncertainMs } = clock;
  const within = `within ${ms(uncertainMs)}`;
  if (Math.abs(aheadMs) <= uncertainMs) return `as the server’s, ${within}`;
  return `${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the server’s, ${within}`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
