import { spawn } from 'node:child_process';
import type { Conclave } from '../../conclave.js';
import { describeIssues } from '../../config/change.js';
import type { WatchedConfig } from '../../config/watched-config.js';
import { ConclaveError } from '../../core/errors.js';
import type { KeyOrPrefix } from '../../versions/place.js';
import { type Child, startChild } from '../child.js';
import { ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { schemaOf } from '../schema-file.js';
import { anyAbort, type HandledSignal } from '../signals.js';
import { writeText } from '../text-files.js';

export interface WatchFlags extends GlobalFlags {
  readonly schema?: string;
  /** Where the value is put for the command. */
  readonly file?: string;
  /** Says whether the command would take the value. */
  readonly check?: string;
  /** Sent at a change instead of a restart. */
  readonly signal?: HandledSignal;
  readonly killAfter: number;
}

/** Prints each valid change; with a command restarts or signals it. */
export async function watchConfig(
  conclave: Conclave,
  place: KeyOrPrefix,
  words: readonly string[],
  flags: WatchFlags,
  signal: AbortSignal,
): Promise<number> {
  const schema = await schemaOf(flags.schema);
  await using config = await conclave.config.watch({ ...place, schema, report: true, signal });
  config.events.on('invalid', ({ revision, issues }) => complain(`revision ${revision}: ${describeIssues(issues)}`));
  if (config.problem !== undefined) complain(`waiting for a valid value: ${describeIssues(config.problem.issues)}`);
  const changes = config.changes();
  if (config.revision === 0n) await changes.next();
  // Awaited here: the watch is closed when this function is left.
  return words.length === 0
    ? await tell(config, changes, flags, signal)
    : await run(config, changes, words, flags, signal);
}

type Changes = ReturnType<WatchedConfig<unknown>['changes']>;

async function tell(
  config: WatchedConfig<unknown>,
  changes: Changes,
  flags: WatchFlags,
  signal: AbortSignal,
): Promise<number> {
  const line = (revision: bigint, value: unknown) =>
    flags.json ? printJson({ revision, value }) : print(`${revision}  ${JSON.stringify(value)}`);
  line(config.revision, config.value);
  try {
    for await (const { revision, current } of changes) line(revision, current);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return ExitCode.ok;
}

/** Until the command ends by itself, or we are asked to end: then it is, too. */
async function run(
  config: WatchedConfig<unknown>,
  changes: Changes,
  words: readonly string[],
  flags: WatchFlags,
  signal: AbortSignal,
): Promise<number> {
  await put(config.value, flags);
  let child = await start(config, words);
  // Bounded by the command's end and by signals.
  for (let next = changes.next(); ; ) {
    const ended = new AbortController();
    void child.ended.then(() => ended.abort());
    const changed = new AbortController();
    next.then(
      () => changed.abort(),
      (error: unknown) => changed.abort(error),
    );
    await anyAbort(ended.signal, changed.signal, signal);
    if (ended.signal.aborted) return child.ended;
    if (signal.aborted || over(changed.signal)) {
      await child.stop(flags.killAfter);
      if (!signal.aborted) throw changed.signal.reason;
      return child.ended;
    }
    next = changes.next();
    // A signal may end it while the command is checked and started: it is looked at after that.
    next.catch(() => {});
    if (!(await put(config.value, flags))) continue;
    if (flags.signal !== undefined) child.forward(flags.signal);
    else {
      await child.stop(flags.killAfter);
      child = await start(config, words);
    }
  }
}

/** Whether the watch itself has ended, and not just brought a change. */
function over({ reason }: AbortSignal): boolean {
  return ConclaveError.is(reason);
}

function start(config: WatchedConfig<unknown>, words: readonly string[]): Promise<Child> {
  const env = { CONCLAVE_CONFIG: JSON.stringify(config.value), CONCLAVE_CONFIG_REVISION: `${config.revision}` };
  return startChild(words, env);
}

/** Checks before it reloads, as confd does; false: the check says no, and everything stays as it is. */
async function put(value: unknown, { file, check }: WatchFlags): Promise<boolean> {
  const text = JSON.stringify(value);
  if (check !== undefined) {
    const code = await exitOf(check, text);
    if (code !== 0) {
      complain(`${check} exits with ${code}: the change is not taken`);
      return false;
    }
  }
  if (file !== undefined) writeText(file, `${text}\n`);
  return true;
}

function exitOf(command: string, input: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? ExitCode.error));
    // A check that does not read its input may be gone before it is written.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
