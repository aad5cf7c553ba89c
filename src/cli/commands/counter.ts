import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { ConclaveError } from '../../core/errors.js';
import type { Counter } from '../../counter/counter.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import type { GlobalFlags } from '../global-flags.js';
import { complain, print, printJson } from '../output.js';
import { count, name as counterName } from '../values.js';

export function defineCounter(command: Command): void {
  const sub = (word: string, what: string) =>
    command.command(word).description(what).argument('<name>', 'the counter', counterName);

  const get = sub('get', 'print the value; 0 if there is none');
  get.action((name: string) => answered(get, name, (counter, signal) => counter.get({ signal })));

  const add = sub('add', 'add a number, and print the new value').argument('[delta]', 'default: 1', int64);
  add.action((name: string, delta = 1n) => answered(add, name, (counter, signal) => counter.add(delta, { signal })));

  const set = sub('set', 'make it a number, and print what it was')
    .argument('<value>', 'the number', int64)
    .addOption(new Option('--if <value>', 'only if it is that; else exit code 77').argParser(int64));
  set.action((name: string, value: bigint) => {
    const { if: expected } = set.opts<{ if?: bigint }>();
    return answered(set, name, async (counter, signal) => {
      if (expected === undefined) return counter.set(value, { signal });
      if (await counter.compareAndSet(expected, value, { signal })) return expected;
      throw new CliFailure(ExitCode.staleFence, `counter ${JSON.stringify(name)} is not ${expected}`);
    });
  });

  const remove = sub('delete', 'take it away, and print what it was; also one whose key holds no number');
  remove.action((name: string) =>
    answered(remove, name, async (counter, signal) => {
      const value = await numberIn(counter, signal);
      await counter.delete({ signal });
      return value;
    }),
  );

  const next = command.command('next').description('print a number of a sequence that nobody else gets');
  next
    .argument('<name>', 'the sequence', counterName)
    .addOption(new Option('--count <n>', 'so many in a row').argParser(count).default(1))
    .action((name: string) => {
      const flags = next.optsWithGlobals<GlobalFlags & { readonly count: number }>();
      return runConnected(flags, (conclave, signal) => printNext(conclave, name, flags, signal));
    });
}

/** Undefined, with the reason on stderr: somebody has put something else there. */
async function numberIn(counter: Counter, signal: AbortSignal): Promise<bigint | undefined> {
  try {
    return await counter.get({ signal });
  } catch (error) {
    if (!ConclaveError.is(error, 'INVALID_VALUE')) throw error;
    complain(error.message);
    return undefined;
  }
}

function answered(
  command: Command,
  name: string,
  ask: (counter: Counter, signal: AbortSignal) => Promise<bigint | undefined>,
): Promise<void> {
  const flags = command.optsWithGlobals<GlobalFlags>();
  return runConnected(flags, async (conclave, signal) => {
    report(name, await ask(conclave.counter(name), signal), flags);
    return ExitCode.ok;
  });
}

async function printNext(
  conclave: Conclave,
  name: string,
  flags: GlobalFlags & { readonly count: number },
  signal: AbortSignal,
): Promise<ExitCode> {
  const sequence = conclave.sequence(name, { block: flags.count });
  for (let i = 0; i < flags.count; i++) report(name, await sequence.next({ signal }), flags);
  return ExitCode.ok;
}

/** A `value` that is none is null in JSON, and nothing else is printed of it. */
function report(name: string, value: bigint | undefined, flags: GlobalFlags): void {
  if (flags.json) printJson({ name, value: value ?? null });
  else if (value !== undefined) print(`${value}`);
}

function int64(text: string): bigint {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new InvalidArgumentError('Not a whole number of 64 bits.');
  return BigInt(text.replace(/^\+/, ''));
}
