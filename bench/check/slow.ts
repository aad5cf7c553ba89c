import { Engine } from '../../src/engine/engine.js';

// Loaded before the server by `--import`: the same build, with every write made slower. The bench must see it.

const addedMicros = 300;

for (const name of ['put', 'txn'] as const) {
  const original = Engine.prototype[name] as (this: Engine, ...args: never[]) => unknown;
  Object.defineProperty(Engine.prototype, name, {
    value: function (this: Engine, ...args: never[]): unknown {
      const untilMs = performance.now() + addedMicros / 1_000;
      // Bounded by the clock: a busy processor is what a slower build is.
      while (performance.now() < untilMs);
      return original.apply(this, args);
    },
  });
}
