import { ConclaveError } from './errors.js';

/**
 * Any validator that follows Standard Schema v1 (https://standardschema.dev): zod, valibot, arktype and others. The
 * specification asks libraries to copy the interface rather than to depend on it.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Why a value does not fit. */
export interface Issue {
  /** Where in the value, its names joined by `/`; empty: the value as a whole. */
  readonly path: string;
  readonly message: string;
}

export type Verdict = { readonly value: unknown } | { readonly issues: readonly Issue[] };

/** @throws ConclaveError `INVALID_ARGUMENT` for what can judge nothing. */
export function assertSchema(schema: StandardSchema | undefined): void {
  if (schema === undefined || typeof schema?.['~standard']?.validate === 'function') return;
  throw new ConclaveError('INVALID_ARGUMENT', 'schema must follow Standard Schema v1: it has no ~standard.validate');
}

/** What the schema says; one that throws or rejects says no. A promise only if the schema is one of promises. */
export function judge(schema: StandardSchema | undefined, value: unknown): Verdict | Promise<Verdict> {
  if (schema === undefined) return { value };
  try {
    const result = schema['~standard'].validate(value);
    return result instanceof Promise ? result.then(verdictOf, threw) : verdictOf(result);
  } catch (error) {
    return threw(error);
  }
}

function verdictOf(result: SchemaResult<unknown>): Verdict {
  if (result.issues === undefined) return { value: result.value };
  return {
    issues: result.issues.map(({ message, path = [] }) => ({
      path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('/'),
      message,
    })),
  };
}

function threw(error: unknown): Verdict {
  return { issues: [{ path: '', message: `the schema threw: ${error instanceof Error ? error.message : error}` }] };
}
