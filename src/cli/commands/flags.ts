import type { Command } from 'commander';
import type { Conclave } from '../../conclave.js';
import { isPlainObject, jsonOrText } from '../../core/plain.js';
import type { FlagDefinition } from '../../flags/flag.js';
import { flagFileOf, typesOfFile } from '../../flags/flag-file.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import { print, printJson } from '../output.js';
import { table } from '../table.js';
import { readText } from '../text-files.js';
import { rollingBack, tellHistory, tellWritten, type WriterFlags, writeOptionsOf, writing } from '../versions.js';

interface FlagFlags extends WriterFlags {
  readonly context?: string;
  readonly keys?: readonly string[];
  readonly replace?: boolean;
  readonly types?: boolean;
}

type Act = (conclave: Conclave, words: readonly string[], flags: FlagFlags, signal: AbortSignal) => Promise<ExitCode>;

export function defineFlags(command: Command): void {
  const sub = (word: string, what: string, act: Act) => {
    const made = command.command(word).description(what);
    return made.action(() => {
      const flags = made.optsWithGlobals<FlagFlags>();
      return runConnected(flags, (conclave, signal) => act(conclave, made.args, flags, signal));
    });
  };
  const key = ['<key>', 'the flag'] as const;
  sub('ls', 'every flag', ls);
  sub('get', 'a flag as flagd has it', get).argument(...key);
  writing(sub('set', 'make a variant the default; or write a whole definition', set))
    .argument(...key)
    .argument('<variant>', 'on, off, … (on and off make a flag that is not there); or JSON; - reads it from stdin');
  writing(sub('enable', 'let a flag decide again', enable)).argument(...key);
  writing(sub('disable', 'leave the decision to the default in the code', disable)).argument(...key);
  writing(sub('delete', 'take a flag away', remove)).argument(...key);
  writing(sub('rollout', 'give a variant to a share of all', rollout))
    .argument(...key)
    .argument('<variant>', 'what they get')
    .argument('<percent>', '0 to 100')
    .option('--keys <keys>', 'targeting keys that get it in any case, with commas', (text) => text.split(','))
    .option('--replace', 'even over a rule of another kind');
  sub('eval', 'what somebody gets', evaluate)
    .argument(...key)
    .option('--context <json>', 'as {"targetingKey":"ada","email":"ada@example.org"}', '{}');
  writing(sub('import', 'write the flags of a flagd file', importFile))
    .argument('<file>', '- is stdin')
    .option('--replace', 'take away what the file does not have');
  const flagOrAll = ['[key]', 'the flag; default: all, with what they share'] as const;
  sub('history', 'who wrote what, when and why', history).argument(...flagOrAll);
  rollingBack(sub('rollback', 'write again what was there', rollback)).argument(...flagOrAll);
  command
    .command('types')
    .description('TypeScript for the flags of a flagd file: names and types; asks no store')
    .argument('<file>', '- is stdin')
    .action((file: string) => {
      process.stdout.write(typesOfFile(flagFileOf(readText(file))));
    });
  sub('export', 'all flags as a flagd file', exportFile).option('--types', 'TypeScript instead: names and types');
}

const ls: Act = async (conclave, _, flags, signal) => {
  const all = await conclave.flags.list({ signal });
  if (flags.json) for (const each of all) printJson(each);
  else {
    const rows = all.map(({ key, flag, problem, revision }) => [
      ...[
        key,
        flag?.state ?? 'BROKEN',
        flag?.defaultVariant ?? undefined,
        flag && Object.keys(flag.variants).join(','),
      ],
      ...[flag?.targeting === undefined ? problem : 'rule', revision],
    ]);
    print(table(['KEY', 'STATE', 'DEFAULT', 'VARIANTS', 'RULE', 'REVISION'], rows));
  }
  return ExitCode.ok;
};

const get: Act = async ({ flags: store }, [key = ''], flags, signal) => {
  const flag = await store.get(key, { signal });
  if (flag === null) throw new CliFailure(ExitCode.error, `there is no flag ${JSON.stringify(key)}`);
  if (flags.json) printJson(flag);
  else print(JSON.stringify(flag, undefined, 2));
  return ExitCode.ok;
};

const onOff = { state: 'ENABLED', variants: { on: true, off: false } } as const;

const set: Act = async ({ flags: store }, [key = '', given = ''], flags, signal) => {
  const options = writeOptionsOf(flags, signal);
  const value = jsonOrText(given === '-' ? readText('-') : given);
  if (isPlainObject(value)) return told(await store.set(key, value as unknown as FlagDefinition, options), flags);
  const isNew = Object.hasOwn(onOff.variants, given) && (await store.get(key, { signal })) === null;
  const revision = isNew
    ? await store.set(key, { ...onOff, defaultVariant: given }, options)
    : await store.setDefault(key, given, options);
  return told(revision, flags);
};

const enable: Act = async ({ flags: store }, [key = ''], flags, signal) =>
  told(await store.enable(key, writeOptionsOf(flags, signal)), flags);

const disable: Act = async ({ flags: store }, [key = ''], flags, signal) =>
  told(await store.disable(key, writeOptionsOf(flags, signal)), flags);

const remove: Act = async ({ flags: store }, [key = ''], flags, signal) => {
  if (await store.delete(key, writeOptionsOf(flags, signal))) return ExitCode.ok;
  throw new CliFailure(ExitCode.error, `there is no flag ${JSON.stringify(key)}`);
};

const rollout: Act = async ({ flags: store }, [key = '', variant = '', percent = ''], flags, signal) => {
  const { keys, replace } = flags;
  const options = { ...writeOptionsOf(flags, signal), replace };
  return told(await store.rollout(key, { variant, percent: Number(percent), keys }, options), flags);
};

/** With flagd's own evaluator, which those who only lock need not have. */
const evaluate: Act = async ({ flags: store }, [key = ''], flags, signal) => {
  const context = jsonOrText(flags.context ?? '{}');
  if (!isPlainObject(context)) throw new CliFailure(ExitCode.invalidInput, '--context is no JSON object');
  const { FlagEvaluator } = await evaluator();
  await using set = store.watch({ signal });
  await set.ready({ signal, timeoutMs: 5_000 });
  const [first] = Object.values(set.flags.get(key)?.variants ?? {});
  const type = (first === undefined ? 'boolean' : typeof first) as 'boolean';
  const said = new FlagEvaluator(set).resolve<never>(type, key, undefined as never, context as never);
  if (flags.json) printJson(said);
  else print([JSON.stringify(said.value), said.variant, said.errorCode ?? said.reason].filter(Boolean).join('  '));
  if (said.errorCode !== undefined) throw new CliFailure(ExitCode.error, said.errorMessage ?? said.errorCode);
  return ExitCode.ok;
};

async function evaluator() {
  try {
    return await import('../../openfeature/flag-evaluator.js');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const packages = '@openfeature/flagd-core @openfeature/core';
    throw new CliFailure(ExitCode.error, `flags eval needs flagd's evaluator: npm install ${packages}`, error);
  }
}

const importFile: Act = async ({ flags: store }, [file = ''], flags, signal) => {
  const done = await store.import(readText(file), { ...writeOptionsOf(flags, signal), replace: flags.replace });
  if (flags.json) printJson(done);
  else {
    for (const key of done.written) print(`+ ${key}`);
    for (const key of done.removed) print(`- ${key}`);
  }
  return ExitCode.ok;
};

const history: Act = async ({ flags: store }, [key], flags, signal) =>
  tellHistory(await store.history({ key, signal }), flags);

const rollback: Act = async ({ flags: store }, [key], flags, signal) => {
  const toRevision = flags.to as bigint;
  return tellWritten(await store.rollback({ ...writeOptionsOf(flags, signal), key, toRevision }), flags);
};

const exportFile: Act = async ({ flags: store }, _, flags, signal) => {
  const file = await store.export({ signal });
  if (flags.types) process.stdout.write(typesOfFile(file));
  else print(JSON.stringify(file, undefined, flags.json ? undefined : 2));
  return ExitCode.ok;
};

function told(revision: bigint, flags: FlagFlags): ExitCode {
  if (flags.json) printJson({ revision });
  else print(flags.dryRun ? 'nothing is written' : `revision ${revision}`);
  return ExitCode.ok;
}
