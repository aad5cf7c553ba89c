import { describe, expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import type { Tx } from '../../src/stm/tx.js';
import type { Backend } from '../support/backends.js';
import { errorOf } from '../support/sim-world.js';
import { type Recipes, recipesOfData } from './recipe-fixture.js';

/** What transactions promise, whatever they stand on. */
export function stmContract(backend: Backend): void {
  describe('transactions', () => {
    const open = recipesOfData(backend, ['data/']);
    const start = async (): Promise<Recipes & { readonly at: (name: string) => string }> => {
      const recipe = await open();
      const at = (name: string) => `${recipe.opened.prefix}data/${name}`;
      return { ...recipe, at };
    };

    it('STM-1, STM-2, STM-3: money that many move at the same time neither grows nor shrinks', async () => {
      const { process, at } = await start();
      const processes = [await process(), await process()];
      const balance = async (tx: Tx, name: string) => Number(utf8Text((await tx.get(at(name)))?.value ?? utf8('0')));
      const move = (from: string, to: string, amount: number) => async (tx: Tx) => {
        const left = (await balance(tx, from)) - amount;
        if (left < 0) return false;
        tx.put(at(from), `${left}`);
        tx.put(at(to), `${(await balance(tx, to)) + amount}`);
        return true;
      };
      await processes[0]?.stm((tx) => ['a', 'b', 'c'].map((name) => tx.put(at(name), '100')));
      const moves = processes.flatMap((each, i) =>
        [move('a', 'b', 30 + i), move('b', 'c', 50 + i), move('c', 'a', 70 + i)].map((work) => each.stm(work)),
      );
      const sums = processes.map((each) =>
        each.stm(async (tx) =>
          (await tx.range({ prefix: at('') })).reduce((sum, kv) => sum + Number(utf8Text(kv.value)), 0),
        ),
      );
      expect(await Promise.all(sums)).toEqual([300, 300]);
      await Promise.all(moves);
      const names = ['a', 'b', 'c'];
      const after = await processes[1]?.stm((tx) => Promise.all(names.map((name) => balance(tx, name))));
      expect(after?.reduce((sum, each) => sum + each, 0)).toBe(300);
      expect(after?.every((each) => each >= 0)).toBe(true);
    });

    it('STM-2: a range that somebody adds to is read again', async () => {
      const { process, at } = await start();
      const [first, second] = [await process(), await process()];
      const attempts = await first.stm(async (tx) => {
        const seen = await tx.range({ prefix: at('list/') });
        if (tx.attempt === 1) await second.put(at('list/x'), '');
        tx.put(at('length'), `${seen.length}`);
        return tx.attempt;
      });
      expect(attempts).toBe(2);
      expect(utf8Text((await first.get(at('length')))?.value ?? utf8(''))).toBe('1');
    });

    it('STM-4, STM-5: what fails writes nothing; leases and guards count', async () => {
      const { process, at } = await start();
      const conclave = await process();
      expect(await errorOf(conclave.stm((tx) => Promise.reject(tx.put(at('a'), '') ?? new Error('no'))))).toMatchObject(
        {
          message: 'no',
        },
      );
      const held = await conclave.lock('l');
      const write = (tx: Tx) => {
        tx.guard(held.guard());
        tx.put(at('a'), 'held', { leaseId: held.leaseId });
      };
      await conclave.stm(write);
      expect((await conclave.get(at('a')))?.lease).toBe(held.leaseId);
      await held.release();
      expect(await errorOf(conclave.stm(write))).toMatchObject({ code: 'LOST', outcome: 'not-applied' });
      const leaseless = conclave.stm((tx) => tx.put(at('b'), '', { leaseId: 123_456_789n }));
      expect(await errorOf(leaseless)).toMatchObject({ code: 'LEASE_NOT_FOUND' });
      expect(await conclave.get(at('b'))).toBeNull();
    });
  });
}
