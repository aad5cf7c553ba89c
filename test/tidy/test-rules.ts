import ts from 'typescript';
import { importsOf } from './imports.js';
import { nodesOf, type Rule, violation } from './source.js';

/** A test waits for an event or a revision, or moves simulated time. */
export const noSleepRule: Rule = (source) => {
  const timers = importsOf(source)
    .filter(({ specifier }) => /^(node:)?timers(\/promises)?$/.test(specifier))
    .map(({ node }) => violation(source, node, 'a test does not sleep'));
  const calls = nodesOf(source)
    .filter((node) => ts.isIdentifier(node) && /^(setTimeout|setInterval)$/.test(node.text))
    .filter((node) => ts.isCallExpression(node.parent) || ts.isPropertyAccessExpression(node.parent))
    .map((node) => violation(source, node, 'a test does not sleep'));
  return [...timers, ...calls];
};

/** Nothing is left out by accident: what is skipped says why in its title (`describeSkipped`) or in its call. */
export const noHiddenTestRule: Rule = (source) =>
  nodesOf(source).flatMap((node) => {
    if (!ts.isPropertyAccessExpression(node)) return [];
    const subject = node.expression.getText();
    const member = node.name.text;
    const onTest = /^(it|test|describe|suite)\b/.test(subject);
    if (onTest && ['only', 'todo', 'skipIf', 'runIf', 'fails'].includes(member)) {
      return [violation(source, node, `.${member}: a test that does not run, or not as it says`)];
    }
    if (member !== 'skip' || !ts.isCallExpression(node.parent)) return [];
    const [reason] = node.parent.arguments;
    const told = onTest ? reason?.getText().includes('[skipped: ') : reason !== undefined;
    return told === true ? [] : [violation(source, node, '.skip without a reason')];
  });
