import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** One file of this repository, or a snippet that pretends to be one. */
export interface Source {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

/** What a rule found. */
export interface Violation {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export type Rule = (source: Source) => Violation[];

export function source(path: string, text: string): Source {
  return { path, text, ast: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** Every TypeScript file below `folder`. */
export function sourcesIn(folder: string): Source[] {
  return filesIn(folder, '.ts').map((path) => source(path, readText(path)));
}

export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .sort();
}

export function readText(path: string): string {
  return readFileSync(`${root}/${path}`, 'utf8');
}

export function violation(source: Source, node: ts.Node, message: string): Violation {
  const { line } = source.ast.getLineAndCharacterOfPosition(node.getStart(source.ast));
  return { path: source.path, line: line + 1, message };
}

/** Every node of the file, parents first. */
export function nodesOf(source: Source): ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(source.ast, visit);
  return nodes;
}

/** For an assertion on an empty list: what failed is readable in the message. */
export function show(violations: readonly Violation[]): string[] {
  return violations.map(({ path, line, message }) => `${path}:${line} ${message}`);
}
