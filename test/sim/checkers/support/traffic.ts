import type { Entry, History } from '../../../../src/sim/history.js';
import { Prng } from '../../../../src/sim/prng.js';

export interface TrafficOptions {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
}

interface Cell {
  readonly value: string;
  readonly create: bigint;
  readonly mod: bigint;
  readonly version: bigint;
}

/**
 * Half puts, half reads of single keys by clients that overlap: each takes effect at one moment between call and
 * answer.
 */
export function keyValueTraffic({ seed, operations, clients, keys }: TrafficOptions): History {
  const random = new Prng(seed);
  const history: Entry[] = [];
  const cells = new Map<string, Cell>();
  const idle = Array.from({ length: clients }, (_, i) => `c${i}`);
  const under: { process: string; id: number; key: string; put: boolean; output?: Entry }[] = [];
  let revision = 1n;
  for (let id = 0; id < operations || under.length > 0; ) {
    const atMs = history.length / 100;
    if (id < operations && idle.length > 0 && random.chance(0.5)) {
      const [process] = idle.splice(random.below(idle.length), 1) as [string];
      const [key, put] = [`k${random.below(keys)}`, random.chance(0.5)];
      const input = put ? { key, value: `v${id}` } : { key };
      history.push({ type: 'invoke', atMs, process, id, object: 'kv', op: put ? 'kv.put' : 'kv.range', input });
      under.push({ process, id: id++, key, put });
      continue;
    }
    const at = random.below(under.length);
    const each = under[at];
    if (each === undefined) continue;
    if (each.output === undefined) {
      const before = cells.get(each.key);
      if (each.put) {
        revision += 1n;
        const version = (before?.version ?? 0n) + 1n;
        cells.set(each.key, { value: `v${each.id}`, create: before?.create ?? revision, mod: revision, version });
      }
      const kvs = before === undefined ? [] : [{ key: each.key, lease: 0n, ...before }];
      const output = each.put ? { revision } : { revision, kvs, count: BigInt(kvs.length) };
      each.output = { type: 'ok', atMs, process: each.process, id: each.id, output };
    } else {
      under.splice(at, 1);
      idle.push(each.process);
      history.push({ ...each.output, atMs });
    }
  }
  return history;
}
