import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { isPlainObject, parsePlain } from '../core/plain.js';
import { checkFlag, checkFlagKey, type FlagDefinition, type FlagFile } from './flag.js';
import { evaluatorsName, metadataName } from './names.js';

const schemaId = 'https://flagd.dev/schema/v0/flags.json';

/**
 * What a file says, by the name of each key on the store, as JSON.
 * @throws ConclaveError `INVALID_VALUE` for what flagd would not take, `INVALID_NAME`.
 */
export function keysOfFile(given: FlagFile | string): Map<string, string> {
  const file: unknown = typeof given === 'string' ? parsed(given) : given;
  if (!isPlainObject(file) || !isPlainObject(file.flags)) {
    throw new ConclaveError('INVALID_VALUE', 'a file of flags is an object whose member flags is one');
  }
  const keys = new Map<string, string>();
  for (const [name, value] of [
    [evaluatorsName, file.$evaluators],
    [metadataName, file.metadata],
  ] as const) {
    if (value === undefined) continue;
    if (!isPlainObject(value)) throw new ConclaveError('INVALID_VALUE', `${name} is an object`);
    keys.set(name, JSON.stringify(value));
  }
  for (const [key, flag] of Object.entries(file.flags)) {
    keys.set(checkFlagKey(key), JSON.stringify(checkFlag(key, flag)));
  }
  return keys;
}

/** The file of what stands on the store; what cannot be used is left out, and named. */
export function fileOfKeys(keys: ReadonlyMap<string, Uint8Array>): {
  readonly file: FlagFile;
  readonly problems: ReadonlyMap<string, string>;
} {
  const flags: Record<string, FlagDefinition> = {};
  const problems = new Map<string, string>();
  const shared: Record<string, unknown> = {};
  for (const [name, bytes] of keys) {
    try {
      const value = checkStored(name, bytes);
      if (name.startsWith('$')) shared[name] = value;
      else flags[name] = value as FlagDefinition;
    } catch (error) {
      problems.set(name, (error as Error).message);
    }
  }
  const { [evaluatorsName]: $evaluators, [metadataName]: metadata } = shared as Record<string, FlagFile['metadata']>;
  const file = {
    $schema: schemaId,
    flags,
    ...($evaluators !== undefined && { $evaluators }),
    ...(metadata !== undefined && { metadata }),
  };
  return { file, problems };
}

/**
 * What stands at a key of the flags: a flag, or what they share.
 * @throws ConclaveError `INVALID_VALUE`, `INVALID_NAME`; SyntaxError for what is no JSON.
 */
export function checkStored(name: string, bytes: Bytes): unknown {
  const value = parsePlain(utf8Text(bytes));
  if (!name.startsWith('$')) return checkFlag(checkFlagKey(name), value);
  if (!isPlainObject(value)) throw new ConclaveError('INVALID_VALUE', `${name} is no object`);
  return value;
}

/** @throws ConclaveError as `keysOfFile`. */
export function flagFileOf(text: string): FlagFile {
  keysOfFile(text);
  return parsed(text) as FlagFile;
}

/** TypeScript that knows the flags of a file by name and type, for OpenFeature clients and for people. */
export function typesOfFile({ flags }: FlagFile): string {
  const lines = Object.keys(flags)
    .sort()
    .map((key) => {
      const [first] = Object.values((flags[key] as FlagDefinition).variants);
      const type = typeof first === 'object' ? 'Record<string, unknown>' : typeof first;
      return `  readonly ${JSON.stringify(key)}: ${type};`;
    });
  const text = ['/** The flags of this system. */', 'export interface Flags {', ...lines, '}', ''];
  return [...text, 'export type FlagKey = keyof Flags;', ''].join('\n');
}

function parsed(text: string): unknown {
  try {
    return parsePlain(text);
  } catch (error) {
    throw new ConclaveError('INVALID_VALUE', `no file of flags: ${(error as Error).message}`, { cause: error });
  }
}
