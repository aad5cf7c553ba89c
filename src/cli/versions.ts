import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import type { HistoryEntry } from '../versions/history.js';
import type { KeyDiff } from '../versions/key-diff.js';
import type { WriteOptions, Written } from '../versions/write.js';
import { ExitCode } from './exit-code.js';
import type { GlobalFlags } from './global-flags.js';
import { print, printJson } from './output.js';
import { table } from './table.js';
import { fence as revision } from './values.js';

/** What every writer of values with a history is told. */
export interface WriterFlags extends GlobalFlags {
  readonly author?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  /** Of a rollback. */
  readonly to?: bigint;
}

export function writing(command: Command): Command {
  return command
    .option('--author <name>', 'default: this user')
    .option('--reason <text>', 'for the history')
    .option('--dry-run', 'check everything and write nothing');
}

export function rollingBack(command: Command): Command {
  return writing(command).addOption(
    new Option('--to <revision>', 'when it was there').argParser(revision).makeOptionMandatory(),
  );
}

export function writeOptionsOf(flags: WriterFlags, signal: AbortSignal): WriteOptions {
  const { author = userInfo().username, reason, dryRun } = flags;
  return { author, reason, dryRun, signal };
}

export function tellHistory(entries: readonly HistoryEntry[], flags: GlobalFlags): ExitCode {
  if (flags.json) for (const each of entries) printJson(each);
  else {
    const rows = entries.map(({ key, revision: at, text, omitted, author, reason, atMs, foreign }) => [
      ...[at, key, text ?? (omitted ? '(too large to be kept)' : '(deleted)')],
      ...[foreign ? '(not through conclave)' : author, reason],
      atMs === undefined ? undefined : new Date(atMs).toISOString(),
    ]);
    print(table(['REVISION', 'KEY', 'VALUE', 'AUTHOR', 'REASON', 'AT'], rows));
  }
  return ExitCode.ok;
}

export function tellWritten(written: Written, flags: GlobalFlags): ExitCode {
  if (flags.json) printJson(written);
  else {
    tellChanges(written.changes, flags);
    print(written.dryRun ? 'nothing is written' : `revision ${written.revision}`);
  }
  return ExitCode.ok;
}

export function tellChanges(changes: readonly KeyDiff[], flags: GlobalFlags): void {
  for (const each of changes) {
    const { key, oldValue, newValue } = each;
    if (flags.json) printJson(each);
    else {
      if (oldValue !== undefined) print(`- ${key}  ${JSON.stringify(oldValue)}`);
      if (newValue !== undefined) print(`+ ${key}  ${JSON.stringify(newValue)}`);
    }
  }
}
