import type { JournalEntry } from '../engine/journal.js';
import { Writer } from '../wire/codec/writer.js';
import { writeEntry } from './entry-codec.js';
import { type FileHeader, FileKind } from './file-header.js';
import { checkpointName } from './file-names.js';
import type { Fs } from './fs.js';
import { createDraft, publishDraft } from './log-file.js';
import { RecordKind } from './record.js';

/** Of one record: others have their turn between two. Bytes. */
const partBytes = 256 << 10;
/** Keys of one entry: as many fit a part even if they are small. */
const keysPerEntry = 256;

/**
 * Writes the checkpoint with which `header`'s log goes on; returns its size. Requests are served meanwhile. `stopped`
 * is asked between two writes: true gives up.
 */
export async function writeCheckpoint(
  fs: Fs,
  dir: string,
  header: FileHeader,
  entries: Iterable<JournalEntry>,
  stopped: () => boolean,
): Promise<number> {
  const name = checkpointName(header.number);
  const draft = await createDraft(fs, dir, name, { ...header, kind: FileKind.checkpoint, previousSize: 0 }, 1);
  try {
    for (const payload of payloads(entries)) {
      if (stopped()) return 0;
      await draft.append(RecordKind.part, payload);
    }
    await draft.append(RecordKind.end, new Uint8Array(0));
    await draft.sync();
    await publishDraft(fs, dir, name);
    return draft.size;
  } finally {
    await draft.close();
  }
}

function* payloads(entries: Iterable<JournalEntry>): Generator<Uint8Array> {
  let writer = new Writer();
  for (const entry of split(entries)) {
    writeEntry(writer, entry);
    if (writer.finish().length < partBytes) continue;
    yield writer.finish();
    writer = new Writer();
  }
  if (writer.finish().length > 0) yield writer.finish();
}

/** The base may be most of the store: it goes in portions, of which each says the same of the revision. */
function* split(entries: Iterable<JournalEntry>): Generator<JournalEntry> {
  for (const entry of entries) {
    if (entry.type !== 'base') {
      yield entry;
      continue;
    }
    const { type, revision, kvs } = entry;
    // Once for a base without keys too.
    for (let i = 0; i === 0 || i < kvs.length; i += keysPerEntry) {
      yield { type, revision, kvs: kvs.slice(i, i + keysPerEntry) };
    }
  }
}
