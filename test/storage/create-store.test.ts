import { expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { Prng } from '../../src/sim/prng.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { createLocked } from '../../src/storage/create-store.js';
import { openLocked } from '../../src/storage/durable-host.js';
import { CrashFs } from './support/crash-fs.js';

const keyCount = 400;

function filled(): EngineHost {
  const host = new EngineHost(new SimRuntime());
  for (let i = 0; i < keyCount; i++) host.put({ key: utf8(`k${i}`), value: new Uint8Array(1_000) });
  return host;
}

/** `whole`, `none` for a directory that opens as a new store, or how it is refused. */
async function stateOf(files: ReadonlyMap<string, Buffer>): Promise<string> {
  try {
    const { host, close } = await openLocked({ runtime: new SimRuntime(), dir: '/d', fs: new CrashFs({}, files) });
    const { keys } = host.stats();
    await close();
    if (keys === keyCount) return 'whole';
    return keys === 0 && files.size === 0 ? 'none' : `has ${keys} keys`;
  } catch (error) {
    return (error as Error).message.replace(/.*damaged at byte 0: (.*?)\..*/, '$1');
  }
}

it('a store that is being made is there whole, not at all, or refused, whenever the power goes', async () => {
  const host = filled();
  const random = new Prng(1);
  const fs = new CrashFs();
  const states: Promise<string>[] = [];
  const cut = () => {
    for (let i = 0; i < 20; i++) states.push(stateOf(fs.crash((below) => random.below(below))));
  };
  fs.onOperation = cut;
  await createLocked(new SimRuntime(), fs, '/d', host.checkpoint());
  const found = new Set(await Promise.all(states));
  expect([...found].sort()).toEqual([
    'a store was being made, and is not whole',
    'none',
    'the file is missing',
    'whole',
  ]);
  states.length = 0;
  cut();
  expect(new Set(await Promise.all(states))).toEqual(new Set(['whole']));
  host.close();
});
