import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Conclave } from '../../conclave.js';
import { describeIssues } from '../../config/change.js';
import type { SetOptions } from '../../config/config.js';
import { jsonOrText } from '../../core/plain.js';
import type { KeyOrPrefix } from '../../versions/place.js';
import { runConnected } from '../connection.js';
import { CliFailure, ExitCode } from '../exit-code.js';
import { print, printJson } from '../output.js';
import { schemaOf } from '../schema-file.js';
import { table } from '../table.js';
import { readText, writeText } from '../text-files.js';
import { durationMs, name as keyName, metadata, fence as revision } from '../values.js';
import {
  rollingBack,
  tellChanges,
  tellHistory,
  tellWritten,
  type WriterFlags,
  writeOptionsOf,
  writing,
} from '../versions.js';
import { type WatchFlags, watchConfig } from './config-watch.js';

interface WriteFlags extends WriterFlags {
  readonly schema?: string;
  readonly prefix?: string;
  readonly ifRevision?: bigint;
  readonly out?: string;
  readonly value?: string;
  readonly instances?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
}

const place = ['<place>', 'a key, or with a "/" at its end all below it', keyName] as const;

/** One subcommand that asks and goes. */
type Act = (conclave: Conclave, words: readonly string[], flags: WriteFlags, signal: AbortSignal) => Promise<ExitCode>;

export function defineConfig(command: Command): void {
  const sub = (word: string, what: string, act: Act) => {
    const made = command.command(word).description(what);
    return made.action(() => {
      const flags = made.optsWithGlobals<WriteFlags>();
      return runConnected(flags, (conclave, signal) => act(conclave, made.args, flags, signal));
    });
  };
  sub('get', 'what stands there', get).argument(...place);
  judged(writing(sub('set', 'write values: JSON, or text; - reads one from stdin', set)))
    .argument('<key>', 'the key', keyName)
    .argument('<value>', 'JSON, or text')
    .argument('[more...]', 'further keys and values: all are written in one txn')
    .option('--if-revision <n>', 'only if the key is at this revision', (text) => (text === '0' ? 0n : revision(text)));
  judged(writing(sub('edit', 'change a value in $EDITOR', edit))).argument('<key>', 'the key', keyName);
  judged(writing(sub('delete', 'take a key away', remove))).argument('<key>', 'the key', keyName);
  judged(writing(sub('rollout', 'show a value to some first, and then to more', rollout)))
    .argument('<key>', 'the key', keyName)
    .argument('<percent>', 'of all instances, 0 to 100; more drops nobody')
    .option('--value <value>', 'JSON, or text; default: the one that is on its way')
    .option('--instances <ids>', 'who sees it in any case, with commas', (text) => text.split(','))
    .option('--label <key=value>', 'who has it sees it in any case; of several, who has all', metadata);
  judged(writing(sub('promote', 'end a rollout: all see the new value', promote))).argument(
    '<key>',
    'the key',
    keyName,
  );
  judged(writing(sub('abandon', 'end a rollout: nobody sees it', abandon))).argument('<key>', 'the key', keyName);
  sub('history', 'who wrote what, when and why', history).argument(...place);
  sub('diff', 'what differs between two revisions, or from one to now', diff)
    .argument(...place)
    .argument('<from>', 'a revision')
    .argument('[to]', 'a later one');
  judged(rollingBack(sub('rollback', 'write again what was there', rollback))).argument(...place);
  sub('validate', 'whether what stands there fits a schema', validate)
    .argument(...place)
    .requiredOption('--schema <module>', 'exports a Standard Schema (zod, valibot, arktype)');
  sub('render', 'a template with {{db.host}} filled in', render)
    .argument('<template>', 'a file; - is stdin')
    .requiredOption('--prefix <prefix>', 'where the values are')
    .option('--out <file>', 'default: stdout');
  sub('watchers', 'who shows which revision', watchers).argument(...place);
  defineWatch(command.command('watch'));
}

function defineWatch(command: Command): void {
  command
    .description('print each valid change; or run a command, and restart or signal it at each')
    .usage('[options] <place> [-- command args…]')
    .argument(...place)
    .argument('[command...]', 'gets $CONCLAVE_CONFIG and $CONCLAVE_CONFIG_REVISION')
    .option('--schema <module>', 'exports a Standard Schema: what it refuses changes nothing')
    .option('--check <command>', 'reads the value from stdin; if it fails, the change is not taken')
    .option('--file <file>', 'where the value is written before the command starts or is told')
    .addOption(new Option('--signal <name>', 'instead of a restart').choices(['SIGHUP', 'SIGINT', 'SIGTERM']))
    .addOption(new Option('--kill-after <ms>', 'from SIGTERM to SIGKILL').argParser(durationMs).default(5000, '5000'))
    .action((given: string, words: string[]) => {
      const flags = command.optsWithGlobals<WatchFlags>();
      const act = (conclave: Conclave, signal: AbortSignal) =>
        watchConfig(conclave, placeAt(given), words, flags, signal) as Promise<ExitCode>;
      return runConnected(flags, act);
    });
}

/** With a schema that has a say. */
function judged(command: Command): Command {
  return command
    .option('--schema <module>', 'exports a Standard Schema that decides')
    .option('--prefix <prefix>', 'the key is below it, and the schema is of all below it');
}

function placeAt(given: string): KeyOrPrefix {
  return given.endsWith('/') ? { prefix: given } : { key: given };
}

async function optionsOf(flags: WriteFlags, signal: AbortSignal): Promise<SetOptions> {
  return { ...writeOptionsOf(flags, signal), prefix: flags.prefix, schema: await schemaOf(flags.schema) };
}

const get: Act = async (conclave, [given = ''], flags, signal) => {
  if (given.endsWith('/')) {
    await using config = await conclave.config.watch({ prefix: given, signal });
    if (config.problem !== undefined) {
      throw new CliFailure(ExitCode.invalidInput, describeIssues(config.problem.issues));
    }
    if (flags.json) printJson({ revision: config.revision, value: config.value });
    else print(JSON.stringify(config.value, undefined, 2));
    return ExitCode.ok;
  }
  const found = await conclave.config.get(given, { signal });
  if (found === null) throw new CliFailure(ExitCode.error, `there is no ${JSON.stringify(given)}`);
  if (flags.json) printJson({ revision: found.revision, value: found.value });
  else print(JSON.stringify(found.value, undefined, 2));
  return ExitCode.ok;
};

const set: Act = async ({ config }, words, flags, signal) => {
  const values = valuesOf(words);
  const options = await optionsOf(flags, signal);
  const { ifRevision: expectRevision } = flags;
  if (expectRevision === undefined) return tellWritten(await config.setAll(Object.fromEntries(values), options), flags);
  const [[key, value], ...more] = values as [[string, unknown]];
  if (more.length > 0) throw new CliFailure(ExitCode.invalidInput, '--if-revision goes with one key');
  return tellWritten(await config.compareAndSet(key, value, { ...options, expectRevision }), flags);
};

/** `KEY VALUE KEY VALUE …` */
function valuesOf(words: readonly string[]): (readonly [key: string, value: unknown])[] {
  if (words.length % 2 !== 0) throw new CliFailure(ExitCode.invalidInput, `${words.at(-1)} has no value`);
  return words.flatMap((key, i) => {
    const text = words[i + 1] ?? '';
    return i % 2 === 1 ? [] : [[key, jsonOrText(text === '-' ? readText('-').trim() : text)] as const];
  });
}

const edit: Act = async (conclave, [key = ''], flags, signal) => {
  const found = await conclave.config.get(key, { signal });
  const folder = mkdtempSync(join(tmpdir(), 'conclave-'));
  try {
    const file = join(folder, 'value.json');
    writeText(file, `${JSON.stringify(found?.value ?? null, undefined, 2)}\n`);
    const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
    // $EDITOR may have arguments of its own, as in `code --wait`.
    const { status } = spawnSync('sh', ['-c', `${editor} "$0"`, file], { stdio: 'inherit' });
    if (status !== 0) throw new CliFailure(ExitCode.error, `${editor} ended with ${status}: nothing is written`);
    const options = { ...(await optionsOf(flags, signal)), expectRevision: found?.revision ?? 0n };
    return tellWritten(await conclave.config.compareAndSet(key, jsonOrText(readText(file).trim()), options), flags);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const remove: Act = async (conclave, [key = ''], flags, signal) =>
  tellWritten(await conclave.config.delete(key, await optionsOf(flags, signal)), flags);

const rollout: Act = async (conclave, [key = '', percent = ''], flags, signal) => {
  const { value, instances, label: labels } = flags;
  const step = {
    percent: Number(percent),
    instances,
    labels,
    ...(value !== undefined && { value: jsonOrText(value) }),
  };
  return tellWritten(await conclave.config.rollout(key, step, await optionsOf(flags, signal)), flags);
};

const promote: Act = async (conclave, [key = ''], flags, signal) =>
  tellWritten(await conclave.config.promote(key, await optionsOf(flags, signal)), flags);

const abandon: Act = async (conclave, [key = ''], flags, signal) =>
  tellWritten(await conclave.config.abandon(key, await optionsOf(flags, signal)), flags);

const history: Act = async (conclave, [given = ''], flags, signal) =>
  tellHistory(await conclave.config.history(placeAt(given), { signal }), flags);

const diff: Act = async (conclave, [given = '', from = '', to], flags, signal) => {
  const revisions = { from: revision(from), to: to === undefined ? undefined : revision(to) };
  tellChanges(await conclave.config.diff(placeAt(given), revisions, { signal }), flags);
  return ExitCode.ok;
};

const rollback: Act = async (conclave, [given = ''], flags, signal) => {
  const options = { ...(await optionsOf(flags, signal)), toRevision: flags.to as bigint };
  return tellWritten(await conclave.config.rollback(placeAt(given), options), flags);
};

const validate: Act = async (conclave, [given = ''], flags, signal) => {
  const schema = await schemaOf(flags.schema);
  await using config = await conclave.config.watch({ ...placeAt(given), schema, signal });
  if (config.problem !== undefined) throw new CliFailure(ExitCode.invalidInput, describeIssues(config.problem.issues));
  print(`valid at revision ${config.revision}`);
  return ExitCode.ok;
};

const render: Act = async (conclave, [template = ''], flags, signal) => {
  const text = readText(template);
  await using config = await conclave.config.watch({ prefix: flags.prefix ?? '', signal });
  const rendered = text.replace(/\{\{\s*([^{}\s]+)\s*\}\}/g, (_, path: string) => {
    const value = path
      .split('.')
      .reduce<unknown>(
        (at, name) => (Object.hasOwn(Object(at), name) ? (at as Record<string, unknown>)[name] : undefined),
        config.value,
      );
    if (value === undefined) throw new CliFailure(ExitCode.invalidInput, `${template}: there is no ${path}`);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
  if (flags.out === undefined) process.stdout.write(rendered);
  else writeText(flags.out, rendered);
  return ExitCode.ok;
};

const watchers: Act = async (conclave, [given = ''], flags, signal) => {
  const all = await conclave.config.watchers(placeAt(given), { signal });
  if (flags.json) for (const each of all) printJson(each);
  else {
    const rows = all.map(({ id, revision, status, host, pid }) => [id, revision, status, host, pid]);
    print(table(['ID', 'REVISION', 'STATUS', 'HOST', 'PID'], rows));
  }
  return ExitCode.ok;
};
