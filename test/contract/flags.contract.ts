import { describe, expect, it } from 'vitest';
import type { FlagSet, FlagsChange } from '../../src/flags/flag-set.js';
import type { Backend } from '../support/backends.js';
import { recipes } from './recipe-fixture.js';

const onOff = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' } as const;

function change(flags: FlagSet): Promise<FlagsChange> {
  return new Promise((resolve) => flags.events.once('change', resolve));
}

/** What flags promise, whatever they stand on. */
export function flagsContract(backend: Backend): void {
  describe('flags', () => {
    const open = recipes(backend);

    it('FLAGS-1, FLAGS-3: a change is heard by all, with the flags that it changes', async () => {
      const { process, opened } = await open();
      const [writer, reader] = [await process(), await process()];
      await writer.flags.import({ flags: { a: onOff, b: onOff }, $evaluators: { staff: true } });
      const flags = reader.flags.watch();
      await flags.ready();
      expect([...flags.flags.keys()]).toEqual(['a', 'b']);
      const first = change(flags);
      const revision = await writer.flags.setDefault('a', 'on');
      expect(await first).toEqual({ revision, flagsChanged: ['a'], resync: false });
      const second = change(flags);
      const rolled = { ...onOff, targeting: { if: [{ $ref: 'staff' }, 'on'] } };
      await writer.put(`${opened.prefix}flags/b`, JSON.stringify(rolled));
      expect((await second).flagsChanged).toEqual(['b']);
      expect(flags.flags.get('b')?.targeting).toEqual({ if: [true, 'on'] });
      flags.close();
    });

    it('FLAGS-4, FLAGS-6: what is broken harms nobody; export and import go together', async () => {
      const { process, opened } = await open();
      const conclave = await process();
      await conclave.flags.import({ flags: { a: onOff, b: onOff } });
      const flags = conclave.flags.watch();
      await flags.ready();
      const file = await conclave.flags.export();
      const heard = change(flags);
      await conclave.put(`${opened.prefix}flags/a`, '{');
      await heard;
      expect([flags.flags.size, [...flags.problems.keys()]]).toEqual([2, ['a']]);
      const mended = change(flags);
      expect(await conclave.flags.import(file)).toEqual({ written: ['a'], removed: [] });
      await mended;
      expect(flags.problems.size).toBe(0);
      flags.close();
    });

    it('FLAGS-8: goes on after the connections broke and the store came back', async () => {
      const { opened, process } = await open({ exclusive: true });
      const [writer, reader] = [await process(), await process()];
      await writer.flags.set('a', onOff);
      const flags = reader.flags.watch();
      await flags.ready();
      await opened.interrupt();
      expect(flags.flags.size).toBe(1);
      const heard = change(flags);
      await writer.flags.setDefault('a', 'on');
      await heard;
      expect(flags.flags.get('a')?.defaultVariant).toBe('on');
      flags.close();
    });
  });
}
