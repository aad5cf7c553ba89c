import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(import.meta.dirname, '../../docs/etcd-differences.md');

/** One row of docs/etcd-differences.md. */
export interface EtcdDifference {
  readonly id: string;
  readonly etcd: string;
  readonly here: string;
  readonly why: string;
  /** Test files that hold it. */
  readonly heldBy: readonly string[];
}

/** Every known difference to etcd, in the order of the page. */
export function etcdDifferences(): readonly EtcdDifference[] {
  const rows = readFileSync(file, 'utf8').matchAll(/^\| `([a-z0-9-]+)` \|(.*)\|$/gm);
  return [...rows].map(([, id = '', rest = '']) => {
    const [etcd = '', here = '', why = '', heldBy = ''] = rest.split(' | ').map((each) => each.trim());
    return { id, etcd, here, why, heldBy: [...heldBy.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) };
  });
}

/** The row of that page: throws for what it does not know, so that nothing is allowed for that is not on it. */
export function difference(id: string): EtcdDifference {
  const row = etcdDifferences().find((each) => each.id === id);
  if (row === undefined) throw new Error(`${id} is no row of docs/etcd-differences.md`);
  return row;
}
