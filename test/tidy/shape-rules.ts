import ts from 'typescript';
import { nodesOf, type Rule, type Source, type Violation, violation } from './source.js';

const fileLinesMax = 400;
const functionLinesMax = 70;
const columnsMax = 120;

/** Files that one can read in one go. */
export const fileLengthRule: Rule = (source) => {
  const lines = source.text.trimEnd().split('\n').length;
  if (lines <= fileLinesMax) return [];
  return [{ path: source.path, line: lines, message: `${lines} lines, at most ${fileLinesMax}` }];
};

export const lineLengthRule: Rule = (source) =>
  perLine(source, (text) => (text.length > columnsMax ? `${text.length} columns, at most ${columnsMax}` : undefined));

/** Work that is not done belongs into an issue, not into a comment. */
export const noTodoRule: Rule = (source) =>
  perLine(source, (text) => /\b(TODO|FIXME|XXX|HACK)\b/.exec(text)?.[0]?.concat(': unfinished work'));

/** Functions that fit a screen. */
export const functionLengthRule: Rule = (source) =>
  nodesOf(source).flatMap((node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return [];
    const lines = node.getText().split('\n').length;
    if (lines <= functionLinesMax) return [];
    return [violation(source, node, `a function of ${lines} lines, at most ${functionLinesMax}`)];
  });

export const noAnyRule: Rule = (source) =>
  nodesOf(source).flatMap((node) =>
    node.kind === ts.SyntaxKind.AnyKeyword ? [violation(source, node, '`any` hides mistakes: use `unknown`')] : [],
  );

export const noDefaultExportRule: Rule = (source) =>
  nodesOf(source).flatMap((node) => {
    const marked =
      ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword);
    const named = ts.isExportSpecifier(node) && node.name.text === 'default';
    return marked === true || named || ts.isExportAssignment(node) ? [violation(source, node, 'a default export')] : [];
  });

/** `@ts-ignore` and its kin. */
export const noSuppressionRule: Rule = (source) =>
  perLine(source, (text) => /@ts-(ignore|nocheck|expect-error)/.exec(text)?.[0]?.concat(' hides mistakes'));

/** DESIGN section 2, rule 6. */
export const indexRule: Rule = (source) => {
  if (!source.path.endsWith('/index.ts')) return [];
  return source.ast.statements
    .filter((each) => !(ts.isExportDeclaration(each) && each.moduleSpecifier !== undefined))
    .map((each) => violation(source, each, 'an index file only re-exports'));
};

/** `then` is the public name of a txn's branch (DESIGN section 1), as in etcd; it refuses what `await` would pass. */
const thenAllowed: ReadonlySet<string> = new Set(['src/store/txn-builder.ts']);

/** No awaitable builders: a member `then` makes `await` run something. */
export const noThenRule: Rule = (source) => {
  if (thenAllowed.has(source.path)) return [];
  return nodesOf(source).flatMap((node) => {
    const isMember = ts.isMethodDeclaration(node) || ts.isPropertyDeclaration(node) || ts.isPropertyAssignment(node);
    return isMember && node.name.getText() === 'then' ? [violation(source, node, 'an awaitable object')] : [];
  });
};

function perLine(source: Source, check: (text: string) => string | undefined): Violation[] {
  return source.text.split('\n').flatMap((text, i) => {
    const message = check(text);
    return message === undefined ? [] : [{ path: source.path, line: i + 1, message }];
  });
}
