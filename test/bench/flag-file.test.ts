import { FlagdCore } from '@openfeature/flagd-core';
import { expect, it } from 'vitest';
import { contextAt, evaluationRate, flagFile, flagName, madeAnew } from '../../bench/client/flag-file.js';
import { Sightings } from '../../bench/client/sightings.js';
import { connect } from '../../src/connect/connect.js';
import { FlagEvaluator } from '../../src/openfeature/index.js';

it('of the rows’ flags ours and flagd’s own evaluator say the same, and rules have a say', async () => {
  const file = flagFile(200);
  await using conclave = await connect('memory:');
  await conclave.flags.import(file);
  await using flags = conclave.flags.watch();
  await flags.ready();
  const ours = new FlagEvaluator(flags);
  const theirs = new FlagdCore();
  theirs.setConfigurations(JSON.stringify(file));
  const said = Array.from({ length: 200 }, (_, i) => ours.resolve<string>('string', flagName(i), '', contextAt(i)));
  expect(said.map(({ value }) => value)).toEqual(
    Array.from({ length: 200 }, (_, i) => theirs.resolveStringEvaluation(flagName(i), '', contextAt(i)).value),
  );
  expect(new Set(said.map(({ reason }) => reason))).toEqual(new Set(['STATIC', 'TARGETING_MATCH']));
  expect(new Set(said.map(({ value }) => value))).toEqual(new Set(['yes', 'no']));
  let asked = 0;
  expect(evaluationRate(200, 0.1, () => asked++)).toBeGreaterThan(0);
  expect(asked).toBeGreaterThanOrEqual(1_000);
});

it('of a change all that was made anew is counted: one where one has changed, all where all was read again', () => {
  const read = () => new Map(Object.entries(JSON.parse(JSON.stringify(flagFile(50).flags)) as Record<string, object>));
  const before = read();
  expect(madeAnew(before, new Map(before).set(flagName(7), {}))).toBe(1);
  expect(madeAnew(before, read())).toBe(50);
});

it('who asks late for what has been seen is told when that was', async () => {
  const sightings = new Sightings();
  const early = sightings.of('1');
  sightings.tell('1');
  expect(await sightings.of('1')).toBe(await early);
});
