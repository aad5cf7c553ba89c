import { describe, expect, it } from 'vitest';
import type { ServerLimits } from '../../src/server/grpc/limits.js';
import { eventually } from '../server/support/wait.js';
import { connectionCases } from './cases/connection-cases.js';
import { floodCases } from './cases/flood-cases.js';
import { frameCases } from './cases/frame-cases.js';
import { headerCases } from './cases/header-cases.js';
import { settingsCases } from './cases/settings-cases.js';
import { streamCases } from './cases/stream-cases.js';
import { windowCases } from './cases/window-cases.js';
import { runCase, type TransportCase, type TransportUnderTest } from './transport-case.js';

export type StartTransport = (limits: Partial<ServerLimits>) => Promise<TransportUnderTest>;

const topics: Readonly<Record<string, readonly TransportCase[]>> = {
  connections: connectionCases,
  frames: frameCases,
  settings: settingsCases,
  windows: windowCases,
  streams: streamCases,
  headers: headerCases,
  floods: floodCases,
};

export const allCases = Object.values(topics).flat();

/**
 * What any transport of the server must do, frame by frame: RFC 9113, RFC 7541 and the attacks of the last years.
 * `known`: titles of cases that it does not meet, with the reason. They must fail, or the list is wrong.
 */
export function describeTransport(name: string, start: StartTransport, known: Readonly<Record<string, string>>): void {
  describe(name, () => {
    for (const [topic, cases] of Object.entries(topics)) {
      for (const each of cases) {
        const reason = known[each.title];
        const title = `${topic}: ${each.title} (${each.source})`;
        if (reason === undefined) it(title, () => meet(start, each));
        else it.fails(`${title}: not met, ${reason}`, () => meet(start, each));
      }
    }
  });
}

/** Runs one case on a transport of its own, which must have let go of everything afterwards. */
export async function meet(start: StartTransport, each: TransportCase): Promise<void> {
  const transport = await start(each.limits ?? {});
  try {
    await runCase(transport, each);
    // Whoever is gone is let go of, at the latest when it gives no sign of life.
    for (let second = 0; second < 100 && transport.stats().sessions > 0; second++) await transport.advance(1_000);
    await eventually(() => transport.stats().sessions === 0);
    expect(transport.stats().calls).toBe(0);
  } finally {
    await transport.closeServer();
  }
}
