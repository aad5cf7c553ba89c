/**
 * The name of the line of a web lock. Most are their own; the two kinds that no line can have, empty names and those
 * with half a surrogate pair, which UTF-8 cannot tell apart, get one that starts with `-`, as no web lock's does.
 */
export function lineName(name: string): string {
  if (name === '') return '-';
  if (!/\p{Surrogate}/u.test(name)) return name;
  return `-${Array.from({ length: name.length }, (_, i) => name.charCodeAt(i).toString(16).padStart(4, '0')).join('')}`;
}

/** What `lineName` was given. */
export function webLockName(line: string): string {
  if (line === '-') return '';
  if (!/^-([0-9a-f]{4})+$/.test(line)) return line;
  return (line.slice(1).match(/.{4}/g) ?? []).map((unit) => String.fromCharCode(Number.parseInt(unit, 16))).join('');
}
