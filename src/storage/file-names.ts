/** What lies in a data directory: `0000000001.log`, `0000000002.checkpoint`, and drafts that end with `.draft`. */
export interface StoreFile {
  readonly name: string;
  readonly type: 'log' | 'checkpoint' | 'draft';
  readonly number: number;
}

const pattern = /^(\d{10,15})\.(log|checkpoint)(\.draft)?$/;

export function logName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`;
}

export function checkpointName(number: number): string {
  return `${String(number).padStart(10, '0')}.checkpoint`;
}

/** A file has this name until it is whole. */
export function draftName(name: string): string {
  return `${name}.draft`;
}

/** Undefined for what is none of the store's. */
export function storeFile(name: string): StoreFile | undefined {
  const [, digits, kind, draft] = pattern.exec(name) ?? [];
  if (digits === undefined) return undefined;
  const type = draft === undefined ? (kind as 'log' | 'checkpoint') : 'draft';
  return { name, type, number: Number(digits) };
}
