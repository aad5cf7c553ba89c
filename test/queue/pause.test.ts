import { expect, it } from 'vitest';
import type { TxnRequest } from '../../src/store/messages.js';
import { errorOf, type SimWorld } from '../support/sim-world.js';
import { inQueueWorld } from './support.js';

function open(world: SimWorld) {
  const client = world.client({ ttlMs: 60_000 });
  return { client, queue: client.conclave.queue('q') };
}

const isSwitch = (name: string, request: unknown) =>
  name === 'txn' && (request as TxnRequest).success?.some(({ type }) => type === 'put') === true;

it.each(['own', 'another’s'])('QUEUE-13: a pause that comes late does nothing after %s resume', async (whose) => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const later = whose === 'own' ? queue : open(world).queue;
    client.store.delay(isSwitch, { requestMs: 10_000 });
    const given = errorOf(queue.pause({ timeoutMs: 500 }));
    await world.advance(1_000);
    expect(await given).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    await world.until(later.resume());
    await world.advance(60_000);
    expect(await world.until(queue.stats())).toMatchObject({ paused: false });
  });
});

it('QUEUE-13: a resume that comes late does nothing after a pause of a paused queue', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    await world.until(queue.pause());
    client.store.delay(isSwitch, { requestMs: 10_000 });
    const given = errorOf(queue.resume({ timeoutMs: 500 }));
    await world.advance(1_000);
    expect(await given).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    await world.until(queue.pause());
    await world.advance(60_000);
    expect(await world.until(queue.stats())).toMatchObject({ paused: true });
    await world.until(queue.resume());
  });
});

it('QUEUE-13: a pause whose answer was lost is not made again over the resume that followed it', async () => {
  await inQueueWorld(async (world) => {
    const { client, queue } = open(world);
    const other = open(world).queue;
    client.store.loseReply(isSwitch);
    const paused = queue.pause();
    while (!(await world.until(other.stats())).paused) await world.advance(1);
    await world.until(other.resume());
    await world.until(paused);
    expect(await world.until(queue.stats())).toMatchObject({ paused: false });
  });
});
