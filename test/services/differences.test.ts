import { expect, it, vi } from 'vitest';
import { differences } from './known-differences.js';
import { describeServed } from './support/servers.js';

vi.setConfig({ testTimeout: 30_000 });

describeServed('what is done on purpose otherwise than', (open) => {
  it.each(differences)('$what', async ({ run, ours, etcds }) => {
    const { served, name, client } = await open();
    const a = client();
    const outcome = await run({ served, client: a, name });
    if (served === 'conclave') expect(outcome).toEqual(ours);
    else expect(etcds).toContainEqual(outcome);
    for (const { lease } of await a.below(`${name}/`)) await a.revoke(lease);
  });
});
