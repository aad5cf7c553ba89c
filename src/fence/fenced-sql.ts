import { ConclaveError } from '../core/errors.js';
import { checkFence } from './fence.js';

export interface FencedUpdate {
  readonly dialect: 'postgresql' | 'sqlite';
  readonly table: string;
  /** Columns and their new values. Default: none, which makes it a read that raises the fence. */
  readonly set?: Readonly<Record<string, unknown>> | undefined;
  /** Columns that must have these values: which row. At least one. */
  readonly where: Readonly<Record<string, unknown>>;
  readonly fence: bigint;
  /** The column with the highest fence so far, `bigint not null default 0`. Default: `fence`. */
  readonly fenceColumn?: string | undefined;
  /** Columns to read, as they are after the update. */
  readonly returning?: readonly string[] | undefined;
}

/** A statement with its parameters in order. */
export interface SqlStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * `UPDATE t SET …, fence = n WHERE … AND fence <= n RETURNING …`: writes and reads only if no later holder has been at
 * the row, and shuts earlier ones out. No row changed: there is none, or a later holder has been there.
 * @throws ConclaveError `INVALID_ARGUMENT`.
 */
export function fencedUpdate(update: FencedUpdate): SqlStatement {
  const {
    dialect,
    table,
    set = {},
    where,
    fence,
    fenceColumn = 'fence',
    returning = [],
  } = Object(update) as FencedUpdate;
  checkFence(fence);
  if (dialect !== 'postgresql' && dialect !== 'sqlite') throw refused(`no dialect is called ${String(dialect)}`);
  if (typeof where !== 'object' || where === null || Object.keys(where).length === 0)
    throw refused('where must say which row');
  if (fenceColumn in set || fenceColumn in where) throw refused(`${fenceColumn} is set and compared by itself`);
  const values: unknown[] = [];
  const parameter = (value: unknown) => {
    values.push(value);
    return dialect === 'postgresql' ? `$${values.length}` : '?';
  };
  const equals = (column: string, value: unknown) => {
    if (value === undefined) throw refused(`${column} has no value`);
    return `${quoted(column)} = ${parameter(value)}`;
  };
  const assignments = Object.entries({ ...set, [fenceColumn]: fence }).map(([column, value]) => equals(column, value));
  // Nothing equals null.
  const conditions = Object.entries(where).map(([column, value]) => equals(column, value ?? undefined));
  const text =
    `UPDATE ${quoted(table)} SET ${assignments.join(', ')} ` +
    `WHERE ${conditions.join(' AND ')} AND ${quoted(fenceColumn)} <= ${parameter(fence)}` +
    (returning.length === 0 ? '' : ` RETURNING ${returning.map(quoted).join(', ')}`);
  return { text, values };
}

function quoted(name: string): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0')) throw refused(`no name: ${JSON.stringify(name)}`);
  return `"${name.replaceAll('"', '""')}"`;
}

function refused(why: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `fencedUpdate: ${why}`);
}
