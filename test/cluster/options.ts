import { parseArgs } from 'node:util';
import { plainFaults } from './faults.js';
import { type WorkName, workNames } from './messages.js';
import { type SiteKind, siteKinds } from './sites/site.js';

export interface RunOptions {
  readonly minutes: number;
  readonly works: readonly WorkName[];
  /** Words; undefined: whatever suits each work. */
  readonly faults: readonly string[] | undefined;
  /** Where members run; undefined: the best that can be had. */
  readonly members: SiteKind | undefined;
  readonly seed: number;
  readonly clients: number;
  /** Of every session, in milliseconds. */
  readonly ttlMs: number;
  /** Where histories are kept; undefined: nowhere. */
  readonly keep: string | undefined;
  readonly selfCheck: boolean;
}

export const usage = `npm run test:cluster -- [--minutes 10] [--workload NAME,NAME|all] [--faults WORD,WORD|all]
                        [--members processes|namespaces|containers] [--seed N] [--clients 6]
                        [--ttl-ms 2000] [--keep FOLDER] [--self-check]`;

/** @throws Error that says what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): RunOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      workload: { type: 'string', default: 'all' },
      faults: { type: 'string', default: 'all' },
      members: { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      clients: { type: 'string', default: '6' },
      'ttl-ms': { type: 'string', default: '2000' },
      keep: { type: 'string' },
      'self-check': { type: 'boolean', default: false },
    },
  });
  const chosen = values.workload === 'all' ? workNames : (values.workload.split(',') as WorkName[]);
  const faults = values.faults === 'all' ? undefined : values.faults.split(',');
  refuseOthers('workload', chosen, workNames);
  refuseOthers('fault', faults ?? [], [...plainFaults.map(({ word }) => word), 'clock-jump']);
  refuseOthers('kind of member', values.members === undefined ? [] : [values.members], siteKinds);
  return {
    minutes: positive('minutes', values.minutes),
    works: chosen,
    faults,
    members: values.members as SiteKind | undefined,
    seed: positive('seed', values.seed),
    clients: positive('clients', values.clients),
    ttlMs: positive('ttl-ms', values['ttl-ms']),
    keep: values.keep,
    selfCheck: values['self-check'],
  };
}

function refuseOthers(what: string, given: readonly string[], known: readonly string[]): void {
  const other = given.find((each) => !known.includes(each));
  if (other !== undefined) throw new Error(`no ${what} is called ${other}: there are ${known.join(', ')}`);
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${name} must be a number above 0, not ${text}`);
  return number;
}
