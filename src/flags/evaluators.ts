import { isPlainObject, type Plain } from '../core/plain.js';

/** Rules that flags share, by name. */
export type Evaluators = Readonly<Record<string, Plain>>;

/** What a rule came to: more would be a way to fill the memory with a few lines. */
const nodesLimit = 100_000;

/**
 * A rule with each `{"$ref":"name"}` replaced by the shared rule of that name, whose own references are replaced, too.
 * @throws SyntaxError for a name that is not there, a circle, and a rule that becomes too large.
 */
export function resolveRefs(rule: Plain, evaluators: Evaluators): Plain {
  let nodes = 0;
  const resolve = (value: Plain, within: readonly string[]): Plain => {
    nodes += 1;
    if (nodes > nodesLimit) throw new SyntaxError(`the rule has more than ${nodesLimit} parts`);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => resolve(each as Plain, within));
    const name = refOf(value);
    if (name === undefined) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each as Plain, within)]));
    }
    if (within.includes(name)) throw new SyntaxError(`$ref goes in a circle: ${[...within, name].join(' -> ')}`);
    if (!Object.hasOwn(evaluators, name)) throw new SyntaxError(`$ref: there is no evaluator ${JSON.stringify(name)}`);
    return resolve(evaluators[name] as Plain, [...within, name]);
  };
  return resolve(rule, []);
}

/** Whether a rule has references, of whatever name: those change with the evaluators. */
export function hasRefs(rule: Plain | undefined): boolean {
  if (typeof rule !== 'object' || rule === null) return false;
  return refOf(rule) !== undefined || Object.values(rule).some((each) => hasRefs(each as Plain));
}

function refOf(value: Plain): string | undefined {
  if (!isPlainObject(value)) return undefined;
  const { $ref } = value;
  return typeof $ref === 'string' && Object.keys(value).length === 1 ? $ref : undefined;
}
