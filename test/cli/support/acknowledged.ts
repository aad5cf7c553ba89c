import { expect } from 'vitest';
import type { Conclave } from '../../../src/index.js';

/** What one writer has sent, and what it knows to be kept. The n-th put of its key has the value n. */
export interface Writer {
  readonly key: string;
  sent: number;
  acknowledged: number;
  revision: bigint;
}

/** Puts until the server is gone. */
export async function writeUntilGone(
  client: Conclave,
  writer: Writer,
  onAcknowledged: () => void = () => {},
): Promise<void> {
  // Bounded by the kill.
  for (;;) {
    writer.sent += 1;
    const value = `${writer.sent}`.padStart(writer.sent % 7 === 0 ? 3_000 : 1, '0');
    try {
      writer.revision = (await client.put(writer.key, value)).header.revision;
    } catch {
      return;
    }
    writer.acknowledged = writer.sent;
    onAcknowledged();
  }
}

/** Each key has what was acknowledged, or what was on its way; the writers go on from there. */
export async function checkWriters(client: Conclave, all: readonly Writer[]): Promise<void> {
  for (const writer of all) {
    const found = await client.get(writer.key);
    const value = Number(found === null ? 0 : Buffer.from(found.value).toString());
    expect(value).toBeGreaterThanOrEqual(writer.acknowledged);
    expect(value).toBeLessThanOrEqual(writer.sent);
    expect((await client.range({ key: writer.key })).header.revision).toBeGreaterThanOrEqual(writer.revision);
    Object.assign(writer, { sent: value, acknowledged: value });
  }
}

export function newWriters(count: number): Writer[] {
  return Array.from({ length: count }, (_, i) => ({ key: `k${i}`, sent: 0, acknowledged: 0, revision: 0n }));
}
