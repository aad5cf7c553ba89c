import type { ActiveFault, Fault, FaultBoard } from './fault.js';
import { checkMs, type TestTime } from './test-time.js';

/**
 * Begins the fault `name` with `start` and ends it `ms` from now. Where one of this `kind` is active it goes on, until
 * the later of both moments. A fault of 0 ms is over when this returns.
 */
export function lastingFor(
  time: TestTime,
  faults: FaultBoard,
  { kind, name }: { readonly kind: string; readonly name: string },
  ms: number,
  start: () => () => void,
): Fault {
  checkMs('ms', ms);
  const { world } = time;
  const before = faults.find<{ readonly untilMs: number }>(kind);
  const untilMs = Math.max(world.nowMs + ms, before?.active ? before.params.untilMs : 0);
  const fault = faults.begin(kind, name, { untilMs }, (begun: ActiveFault<{ readonly untilMs: number }>) => {
    const stop = start();
    const arm = () => world.after(begun.params.untilMs - world.nowMs, undefined, `${name} ends`, endOrGoOn);
    const endOrGoOn = () => {
      if (begun.params.untilMs <= world.nowMs) begun.end();
      else cancel = arm();
    };
    let cancel = arm();
    return () => {
      cancel();
      stop();
    };
  });
  if (untilMs <= world.nowMs) fault.end();
  return fault;
}
