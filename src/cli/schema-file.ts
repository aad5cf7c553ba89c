import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { StandardSchema } from '../core/standard-schema.js';
import { CliFailure, ExitCode } from './exit-code.js';

/** The Standard Schema that a module exports as `schema`, or by default. */
export async function schemaOf(file: string | undefined): Promise<StandardSchema | undefined> {
  if (file === undefined) return undefined;
  const path = resolve(file);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new CliFailure(ExitCode.io, `cannot load ${path}: ${(error as Error).message}`, error);
  }
  const schema = (module.schema ?? module.default) as StandardSchema | undefined;
  if (typeof schema?.['~standard']?.validate === 'function') return schema;
  throw new CliFailure(ExitCode.invalidInput, `${path} exports no Standard Schema, as schema or by default`);
}
