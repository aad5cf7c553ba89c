import { prefixEnd, utf8 } from '../../../src/core/bytes.js';
import { deferred } from '../../../src/core/deferred.js';
import type { EngineHost } from '../../../src/engine/engine-host.js';

/** Resolves when there are `count` keys that start with `prefix`: looks after every change of them. */
export async function prefixCount(host: EngineHost, prefix: string, count: number): Promise<void> {
  const range = { key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) };
  const reached = deferred();
  const look = () => {
    if (host.range({ ...range, countOnly: true }).count === BigInt(count)) reached.resolve();
  };
  const stream = host.openWatchStream(look);
  stream.handle({ type: 'create', request: range });
  await reached.promise;
  stream.close();
}

/**
 * Resolves when `condition` holds, looking once per turn of the event loop: for what sockets do, of which nobody tells.
 * The test's own timeout bounds it.
 */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
