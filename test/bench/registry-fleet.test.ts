import { expect, it } from 'vitest';
import { namespace, putInstance, serviceOf } from '../../bench/client/registry-fleet.js';
import type { Discoverer } from '../../bench/client/registry-job.js';
import { connect } from '../../src/connect/connect.js';

it('the rows’ instances are found as those that register are, and the two services have the same', async () => {
  await using conclave = await connect('memory:', { namespace });
  await conclave.registry.register({ service: 'other', address: 'a:1' });
  const { leaseId } = conclave.session;
  const shown = async (how: Discoverer) => {
    const puts = [3, 300, 9_999].map((i) => putInstance(how, i, `note ${i}`, leaseId));
    await conclave
      .txn()
      .then(...puts)
      .commit();
    await using discovery = conclave.registry.discover(serviceOf[how]);
    await discovery.ready();
    return discovery.available.map(({ id, address, zone, owner, metadata }) => [id, address, zone, owner, metadata]);
  };
  const ours = await shown('conclave');
  expect(ours.map(([id, address, , , metadata]) => [id, address, metadata])).toEqual([
    ['instance-00003', '10.0.0.3:8080', { note: 'note 3' }],
    ['instance-00300', '10.0.1.44:8080', { note: 'note 300' }],
    ['instance-09999', '10.0.39.15:8080', { note: 'note 9999' }],
  ]);
  expect(await shown('npm etcd3')).toEqual(ours);
});
