import type { RegisterOp } from '../../../../src/sim/checkers/models/register.js';
import type { Timed } from '../../../../src/sim/checkers/wgl.js';
import { Prng } from '../../../../src/sim/prng.js';

export interface RegisterTraffic {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  readonly lostPercent?: number;
}

interface Under {
  readonly from: number;
  readonly plan: RegisterOp;
  done: RegisterOp | undefined;
}

/** Reads, writes and compare-and-sets of overlapping clients on one register, each with effect at one moment. */
export function registerTraffic({ seed, operations, clients, lostPercent = 0 }: RegisterTraffic) {
  const random = new Prng(seed);
  const found: Timed<RegisterOp>[] = [];
  const under: Under[] = [];
  let value: string | null = null;
  let called = 0;
  for (let at = 0; called < operations || under.length > 0; at++) {
    if (called < operations && under.length < clients && random.chance(0.4)) {
      under.push({ from: at, plan: draw(random, called++), done: undefined });
      continue;
    }
    const each = under[random.below(under.length)];
    if (each === undefined) continue;
    const lost = each.plan.op !== 'read' && random.below(100) < lostPercent;
    if (each.done === undefined && !lost) {
      each.done = each.plan.op === 'read' ? { op: 'read', got: value } : each.plan;
      if (each.plan.op === 'cas') each.done = { ...each.plan, got: value === each.plan.expected };
      if (each.done.op === 'write' || (each.done.op === 'cas' && each.done.got)) value = each.done.value;
      continue;
    }
    under.splice(under.indexOf(each), 1);
    const op: RegisterOp = lost ? each.plan : (each.done ?? each.plan);
    found.push({ part: 'register', op, from: each.from, to: lost ? Number.POSITIVE_INFINITY : at, entries: [] });
  }
  return { operations: found };
}

function draw(random: Prng, id: number): RegisterOp {
  const choice = random.below(3);
  if (choice === 0) return { op: 'read', got: null };
  if (choice === 1) return { op: 'write', value: `${id % 7}` };
  return { op: 'cas', expected: `${random.below(7)}`, value: `${id % 7}`, got: undefined };
}
