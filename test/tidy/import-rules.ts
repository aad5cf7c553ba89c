import ts from 'typescript';
import { importsOf, packageOf, targetOf } from './imports.js';
import { folderOf, isRecipe, layerOf, mayImport } from './layers.js';
import { nodesOf, type Rule, violation } from './source.js';

/** DESIGN section 2, rule 1: dependencies point down, and no recipe knows another. */
export const layerRule: Rule = (source) =>
  importsOf(source).flatMap(({ node, specifier }) => {
    const target = targetOf(source, specifier);
    if (target === undefined) return [];
    if (!target.startsWith('src/')) return [violation(source, node, `imports ${target}, which is not in src`)];
    const [from, to] = [folderOf(source.path), folderOf(target)];
    if (mayImport(from, to)) return [];
    const both = isRecipe(from) && isRecipe(to);
    const why = both ? 'a recipe never imports another: what two share moves down' : 'dependencies point down';
    return [violation(source, node, `${from || 'src'} imports ${to || 'src'}: ${why}`)];
  });

/** DESIGN section 2, rules 2 and 3: Node's modules and npm packages only where the table has them. */
export const packageRule: Rule = (source) => {
  const folder = folderOf(source.path);
  const layer = layerOf(folder);
  return importsOf(source).flatMap(({ node, specifier, typeOnly }) => {
    if (specifier.startsWith('.')) return [];
    const wrong = (message: string) => [violation(source, node, `${specifier}: ${message}`)];
    if (specifier.startsWith('node:')) return layer.node ? [] : wrong(`${folder} knows no module of Node`);
    if (specifier === '(computed)' && computedImports.includes(source.path)) return [];
    const name = packageOf(specifier);
    if (!layer.packages.includes(name)) return wrong(`${folder || 'src'} does not use this package`);
    const client = folder === 'channels' && !basename(source.path).startsWith(clientFile[name] ?? '');
    if (client) return wrong(`only channels/${clientFile[name]}*.ts uses this client`);
    return name === 'etcd3' && folder !== 'channels' && !typeOnly
      ? wrong("only its types: the client is the user's own")
      : [];
  });
};

/** Files that load what only their user can name, each with its reason. */
const computedImports: readonly string[] = [
  // `conclave config --schema MODULE`: the module is the user's.
  'src/cli/schema-file.ts',
];

/** Which files of `channels` use which client. */
const clientFile: Readonly<Record<string, string>> = { '@grpc/grpc-js': 'grpc', etcd3: 'etcd3' };

/** DESIGN section 2, rule 3: of npm `etcd3` only the raw `kv`, `leaseClient` and `watchClient`. */
export const rawEtcd3Rule: Rule = (source) => {
  if (folderOf(source.path) !== 'channels' || !basename(source.path).startsWith('etcd3')) return [];
  return nodesOf(source).flatMap((node) => {
    if (ts.isPropertyAccessExpression(node) && cookedMembers.has(node.name.text)) {
      return [violation(source, node, `.${node.name.text}: only etcd3's raw clients may be used`)];
    }
    if (ts.isImportSpecifier(node) && cookedNames.has((node.propertyName ?? node.name).text)) {
      return [violation(source, node, `${node.getText()}: only etcd3's raw clients may be used`)];
    }
    return [];
  });
};

const cookedMembers: ReadonlySet<string> = new Set(['lock', 'lease', 'stm', 'election', 'namespace', 'getAll', 'mock']);
const cookedNames: ReadonlySet<string> = new Set([
  ...['Lease', 'Lock', 'Watcher', 'WatchBuilder', 'Election', 'Namespace', 'SoftwareTransaction'],
  ...['ComparatorBuilder', 'PutBuilder', 'SingleRangeBuilder', 'MultiRangeBuilder', 'DeleteBuilder'],
]);

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
