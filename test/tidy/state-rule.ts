import ts from 'typescript';
import { type Rule, violation } from './source.js';

/** State that a module keeps on purpose, each with its reason. */
const excuses: Readonly<Record<string, readonly string[]>> = {
  // `connect('memory:name')` promises one store per name and process.
  'src/connect/memory-hosts.ts': ['shared'],
};

/**
 * No module-level state: two users of the package in one process must not meet in it. A collection that is declared
 * readonly is a table, not state.
 */
export const noModuleStateRule: Rule = (source) =>
  source.ast.statements.flatMap((statement) => {
    if (ts.isClassDeclaration(statement)) {
      return statement.members
        .filter((member) => ts.isPropertyDeclaration(member) && isStatic(member) && !isReadonlyTable(member))
        .map((member) => violation(source, member, 'a static field that can change'));
    }
    if (!ts.isVariableStatement(statement)) return [];
    const { declarationList } = statement;
    const constant = (declarationList.flags & ts.NodeFlags.Const) !== 0;
    return declarationList.declarations
      .filter((each) => !(excuses[source.path] ?? []).includes(each.name.getText()))
      .filter((each) => !constant || !isReadonlyTable(each))
      .map((each) => violation(source, each, `module-level state: ${each.name.getText()}`));
  });

function isStatic(node: ts.PropertyDeclaration): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.StaticKeyword) ?? false;
}

function isReadonlyTable(node: ts.ClassElement | ts.VariableDeclaration): boolean {
  if (!ts.isVariableDeclaration(node) && !ts.isPropertyDeclaration(node)) return true;
  const unchangeable = ts.isVariableDeclaration(node) || hasReadonly(node);
  return unchangeable && (declaredReadonly(node.type) || !isCollection(node.initializer));
}

function hasReadonly(node: ts.PropertyDeclaration): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ReadonlyKeyword) ?? false;
}

function declaredReadonly(type: ts.TypeNode | undefined): boolean {
  if (type === undefined) return false;
  if (ts.isTypeOperatorNode(type)) return type.operator === ts.SyntaxKind.ReadonlyKeyword;
  return ts.isTypeReferenceNode(type) && /^Readonly(Map|Set|Array)?$/.test(type.typeName.getText());
}

/** A new Map, Set or array as such; `[…] as const` is none. */
function isCollection(node: ts.Expression | undefined): boolean {
  if (node === undefined) return false;
  if (ts.isSatisfiesExpression(node)) return isCollection(node.expression);
  if (ts.isArrayLiteralExpression(node)) return true;
  return ts.isNewExpression(node) && /^(Weak)?(Map|Set)$|^Array$/.test(node.expression.getText());
}
