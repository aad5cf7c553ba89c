/** The first releases whose answers about progress travel with the events (etcd #15237), by major and minor version. */
const firstOrdered: Readonly<Record<string, number>> = { '3.4': 25, '3.5': 8 };

/** Whether an etcd of this version tells of progress only after all events up to it (etcd #15220). */
export function ordersProgress(version: string): boolean {
  const [, major = '', minor = '', patch = ''] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  const first = firstOrdered[`${major}.${minor}`];
  if (first !== undefined) return Number(patch) >= first;
  return Number(major) > 3 || (Number(major) === 3 && Number(minor) > 5);
}
