/** What a program reads: stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line of JSON; int64 as decimal strings, as etcd's JSON gateway writes them. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? each.toString() : each)));
}

/** What a person reads: one line on stderr. */
export function complain(message: string): void {
  process.stderr.write(`conclave: ${message.trim().replace(/\s*\n\s*/g, '; ')}\n`);
}
