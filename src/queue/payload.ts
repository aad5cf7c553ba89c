import { ConclaveError } from '../core/errors.js';
import { type Issue, judge } from '../core/standard-schema.js';
import type { QueueSettings } from './options.js';

/** @throws ConclaveError `INVALID_VALUE` for a payload that the schema refuses. */
export async function checkPayload(payload: unknown, { schema }: QueueSettings): Promise<void> {
  if (schema === undefined) return;
  const verdict = await judge(schema, payload);
  if ('issues' in verdict) throw new ConclaveError('INVALID_VALUE', misfit(verdict.issues));
}

export function misfit(issues: readonly Issue[]): string {
  const told = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return `the payload does not fit the schema: ${told.join('; ')}`;
}
