import { describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { Prng } from '../../src/sim/prng.js';
import { decodeFileHeader, type FileHeader, fileHeaderBytes } from '../../src/storage/file-header.js';
import { encodeRecord, RecordKind, recordHeaderBytes } from '../../src/storage/record.js';
import { CrashFs } from './support/crash-fs.js';
import { digest, openOn, operate } from './support/crash-trial.js';

/** `CONCLAVE_DAMAGES=100000` tries as many of each kind. */
const damagesAsked = Number(process.env.CONCLAVE_DAMAGES ?? 1_500);

vi.setConfig({ testTimeout: Math.max(60_000, damagesAsked * 10) });

interface Sample {
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of every state that the store was in; the last is what the files hold. */
  readonly digests: readonly string[];
}

/** The files of a store with a checkpoint and two logs. */
async function sample(random: Prng, closed: boolean): Promise<Sample> {
  const fs = new CrashFs();
  const { host, close } = await openOn(fs, 6_000);
  const digests = [digest(host)];
  for (let i = 0; i < 80; i++) {
    operate(host, (below) => random.below(below));
    digests.push(digest(host));
    await host.committed();
  }
  if (closed) await close();
  return { files: fs.files(), digests };
}

type Outcome = 'refused' | 'whole' | 'earlier' | 'invented';

async function open({ files, digests }: Sample): Promise<Outcome> {
  try {
    const { host } = await openOn(new CrashFs({}, files));
    const at = digests.lastIndexOf(digest(host));
    return at < 0 ? 'invented' : at === digests.length - 1 || digests[at] === digests.at(-1) ? 'whole' : 'earlier';
  } catch (error) {
    // Anything else is a bug, and fails the test.
    if (!ConclaveError.is(error, 'FAILED_PRECONDITION')) throw error;
    expect(error.message).toMatch(/\/data\/\d+\.(log|checkpoint) is damaged at byte \d+: .+\. .+/);
    return 'refused';
  }
}

/** Does `damage` to one of the files at a place drawn anew each time; how often it had which outcome. */
async function tally(
  random: Prng,
  closed: boolean,
  damage: (bytes: Buffer, at: number) => Buffer,
): Promise<Record<Outcome, number>> {
  const counts = { refused: 0, whole: 0, earlier: 0, invented: 0 };
  let taken = await sample(random, closed);
  for (let i = 0; i < damagesAsked; i++) {
    if (i % 50 === 49) taken = await sample(random, closed);
    const files = new Map<string, Buffer>([...taken.files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
    const name = random.pick([...files.keys()]);
    const bytes = files.get(name) as Buffer;
    files.set(name, damage(bytes, random.below(writtenBytes(bytes))));
    counts[await open({ files, digests: taken.digests })] += 1;
  }
  return counts;
}

/** Without the zeros of the room that a log keeps for what is to come. */
function writtenBytes(bytes: Buffer): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

function flip(bytes: Buffer, bit: number): (bytes: Buffer, at: number) => Buffer {
  return (_, at) => {
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    return bytes;
  };
}

describe('damage to a file', () => {
  it('a flipped bit, after a store was closed: always found', async () => {
    const random = new Prng(1);
    const counts = await tally(random, true, (bytes, at) => flip(bytes, random.below(8))(bytes, at));
    // In the closing record itself it takes nothing.
    expect(counts).toMatchObject({ earlier: 0, invented: 0 });
    expect(counts.refused).toBeGreaterThan(damagesAsked * 0.9);
  });

  it('a flipped bit, after kill -9: found, but for a last record that looks unfinished', async () => {
    const random = new Prng(2);
    const counts = await tally(random, false, (bytes, at) => flip(bytes, random.below(8))(bytes, at));
    expect(counts.invented).toBe(0);
    expect(counts.refused).toBeGreaterThan(damagesAsked * 0.9);
  });

  it('in the room behind the last record: takes nothing, or is found', async () => {
    const random = new Prng(6);
    const { files, digests } = await sample(random, false);
    const [name, bytes] = [...files]
      .filter(([each]) => each.endsWith('.log'))
      .sort()
      .at(-1) as [string, Buffer];
    const end = writtenBytes(bytes);
    expect(bytes.length).toBeGreaterThan(end + 1_000);
    for (const at of [end, end + 1, end + 19, end + 20, end + 600, bytes.length - 1]) {
      const damaged = flip(Buffer.from(bytes), random.below(8))(bytes, at);
      expect(await open({ files: new Map(files).set(name, damaged), digests })).not.toMatch(/earlier|invented/);
    }
  });

  it('a cut: the end of a log looks like a write that did not finish, all else is found', async () => {
    const random = new Prng(3);
    const counts = await tally(random, true, (bytes, at) => Buffer.from(bytes.subarray(0, at)));
    expect(counts.invented).toBe(0);
    expect(counts.refused).toBeGreaterThan(0);
  });

  it.each<[string, (random: Prng) => Buffer]>([
    ['zeroed', () => Buffer.alloc(512)],
    ['filled with chance', (random) => Buffer.from(random.bytes(512))],
  ])('a sector that is %s: nothing is invented', async (_, make) => {
    const random = new Prng(4);
    const counts = await tally(random, false, (bytes, at) => {
      make(random).copy(bytes, at - (at % 512));
      return bytes;
    });
    expect(counts.invented).toBe(0);
    expect(counts.refused).toBeGreaterThan(damagesAsked / 2);
  });

  it('a file that is missing: found, unless it was the end of the log', async () => {
    const taken = await sample(new Prng(5), true);
    const last = [...taken.files.keys()]
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1);
    for (const gone of taken.files.keys()) {
      const files = new Map([...taken.files].filter(([name]) => name !== gone));
      if (gone !== last || taken.files.size === 2)
        expect(await open({ files, digests: taken.digests })).toBe('refused');
    }
  });

  it('that no checksum shows would be seen by these tests', async () => {
    const fs = new CrashFs();
    const { host } = await openOn(fs);
    host.put({ key: utf8('a'), value: utf8('true') });
    await host.committed();
    const digests = [digest(host)];
    const [name, bytes] = [...fs.files()][0] as [string, Buffer];
    const { salt } = decodeFileHeader(bytes) as FileHeader;
    const payload = bytes.subarray(fileHeaderBytes + recordHeaderBytes, writtenBytes(bytes));
    payload.set(utf8('fake'), payload.indexOf('true'));
    const forged = Buffer.concat([
      bytes.subarray(0, fileHeaderBytes),
      encodeRecord(salt, 1, RecordKind.batch, payload),
    ]);
    expect(await open({ files: new Map([[name, forged]]), digests })).toBe('invented');
  });
});
