import ts from 'typescript';
import { folderOf, layerOf } from './layers.js';
import { nodesOf, type Rule, type Source, violation } from './source.js';

/** DESIGN section 2, rule 2: time and chance come through `Runtime` only; only the command line touches the process. */
export const globalRule: Rule = (source) => {
  const { globals } = layerOf(folderOf(source.path));
  if (globals === 'process') return [];
  const excused = excuses[source.path] ?? [];
  const declared = declaredNames(source);
  return nodesOf(source).flatMap((node) => {
    const name = bannedUse(node, globals);
    if (name === undefined || declared.has(name) || excused.includes(name)) return [];
    return [violation(source, node, `${name}: ${why(name)}`)];
  });
};

const timeAndChance = [
  ...['Date', 'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
  ...['performance', 'crypto', 'MessageChannel', 'fetch', 'WebSocket'],
];
/** What would make the ban of the others idle. */
const process = ['process', 'console', 'global', 'globalThis', 'eval'];
const bannedNames = {
  none: new Set([...timeAndChance, ...process]),
  host: new Set(process),
} as const satisfies Record<string, ReadonlySet<string>>;
const bannedMembers: ReadonlySet<string> = new Set(['Math.random', 'AbortSignal.timeout']);

/** Each with its reason. */
const excuses: Readonly<Record<string, readonly string[]>> = {
  // Its comment says why: a turn of the host's loop tells that the code under test rests.
  'src/sim/host-turns.ts': ['setImmediate'],
};

function bannedUse(node: ts.Node, globals: 'none' | 'host'): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const member = `${node.expression.text}.${node.name.text}`;
    return globals === 'none' && bannedMembers.has(member) ? member : undefined;
  }
  if (!ts.isIdentifier(node) || !bannedNames[globals].has(node.text)) return undefined;
  return isReference(node) ? node.text : undefined;
}

/** Whether the name stands for a value or type in scope, and is not merely the name of a member. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isAccessor(parent) ||
    ts.isEnumMember(parent)
  );
}

/** Names that the file itself gives to something: those are not the host's. */
function declaredNames(source: Source): ReadonlySet<string> {
  const names = nodesOf(source).flatMap((node) => {
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isImportSpecifier(node);
    return declares && node.name !== undefined && ts.isIdentifier(node.name) ? [node.name.text] : [];
  });
  return new Set(names);
}

function why(name: string): string {
  if (process.includes(name)) return 'only src/cli touches the process';
  return 'time and chance come through Runtime';
}
