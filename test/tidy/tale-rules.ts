import ts from 'typescript';
import { nodesOf, type Source, type Violation, violation } from './source.js';

/** The names of the rules that checkers find broken, as in `queue: nothing lost`. */
const ruleName = /^[a-z][a-z -]*: \S/;

/** A checker's rule that no tale breaks may be one that finds nothing. */
export function untoldRules(checkers: readonly Source[], tales: readonly Source[]): Violation[] {
  const told = tales.map(({ text }) => text).join('\n');
  return checkers.flatMap((source) =>
    nodesOf(source)
      .filter((node) => ts.isStringLiteral(node) && ruleName.test(node.text))
      .filter((node) => !told.includes((node as ts.StringLiteral).text))
      .map((node) => violation(source, node, `${node.getText()} is broken by no tale`)),
  );
}
