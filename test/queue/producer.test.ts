import { expect, it } from 'vitest';
import { below, inQueueWorld } from './support.js';

it('QUEUE-1, QUEUE-3: a producer that others have overtaken by more steps than are known adds its job', async () => {
  await inQueueWorld(async (world) => {
    const seldom = world.client().conclave.queue('q');
    const often = world.client().conclave.queue('q');
    await world.until(seldom.enqueue('first'));
    for (let i = 0; i < 40; i++) await world.until(often.enqueue(i));
    expect(await world.until(often.purge())).toBe(41);
    expect(await world.until(seldom.enqueue('last'))).toEqual({ id: '42', duplicate: false });
    expect(await world.until(often.purge())).toBe(1);
  });
});

it('QUEUE-3: what was sent without an answer is told as unknown when the connection is closed', async () => {
  await inQueueWorld(async (world) => {
    const { conclave, store } = world.client();
    const queue = world.client().conclave.queue('q');
    await world.until(conclave.queue('q').enqueue('first'));
    store.loseReply('txn');
    const added = conclave.queue('q').enqueue('second');
    added.catch(() => {});
    while ((await below(world, 'q/jobs/')).length < 2) await world.advance(1);
    await world.until(conclave.close());
    await expect(world.until(added)).rejects.toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    expect(await world.until(queue.purge())).toBe(2);
  });
});

it('QUEUE-3: what was sent without an answer, and overtaken so far, is told as unknown', async () => {
  await inQueueWorld(async (world) => {
    const [seldom, often] = [world.client(), world.client()];
    const queue = often.conclave.queue('q');
    await world.until(seldom.conclave.queue('q').enqueue('first'));
    seldom.store.loseReply('txn');
    seldom.store.delay('txn', { requestMs: 1_000 }, 1);
    const added = seldom.conclave.queue('q').enqueue('second');
    added.catch(() => {});
    while ((await below(world, 'q/jobs/')).length < 2) await world.advance(1);
    for (let i = 0; i < 40; i++) await world.until(queue.enqueue(i));
    expect(await world.until(queue.purge())).toBe(42);
    await expect(world.until(added)).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
  });
});
