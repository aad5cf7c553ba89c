import { nextTick, type Rhythm } from '../../cron/rhythm.js';
import type { History } from '../history.js';
import { type Fact, factsOf } from './operations.js';
import { broken, type Violation } from './violation.js';

type State = Fact<'schedule.state'>;

/**
 * Each tick of a schedule adds one job at most, at the revision that moves the schedule on; the ticks grow, lie on the
 * rhythm that was last declared, and no clock of any process had yet to come to them. What was declared or removed
 * stays so, and jobs that are not to overlap do not.
 */
export function schedule(history: History): Violation[] {
  return [...ticksOfRhythm(history), ...statesInOrder(history)];
}

function ticksOfRhythm(history: History): Violation[] {
  const states = factsOf(history, 'schedule.state');
  return factsOf(history, 'schedule.tick').flatMap(({ object, data, note }) => {
    const { name, atMs, revision, rhythm } = data;
    const what = `${object}: the job of ${name} for ${atMs}`;
    const mover = states.find(
      (each) => each.object === object && each.data.name === name && each.data.revision === revision,
    );
    if (mover === undefined || rhythm === null) {
      return [broken('schedule: at its revision', `${what} came without its schedule`, note)];
    }
    const wrong: Violation[] = [];
    if (nextTick(JSON.parse(rhythm) as Rhythm, atMs - 1) !== atMs) {
      wrong.push(broken('schedule: on the rhythm', `${what} is on no tick of ${rhythm}`, note));
    }
    if (atMs > mover.data.latestMs) {
      const message = `${what} came when the latest clock was at ${mover.data.latestMs}`;
      wrong.push(broken('schedule: not before its time', message, note));
    }
    return wrong;
  });
}

function statesInOrder(history: History): Violation[] {
  const ticks = new Map(
    factsOf(history, 'schedule.tick').map(({ object, data }) => [`${object} ${data.name} ${data.revision}`, data]),
  );
  const before = new Map<string, State>();
  const last = new Map<string, number>();
  return factsOf(history, 'schedule.state').flatMap((state) => {
    const { object, data, note } = state;
    const key = `${object} ${data.name}`;
    const tick = ticks.get(`${key} ${data.revision}`);
    const earlier = before.get(key);
    before.set(key, state);
    const lives = `${key} ${data.since}`;
    const [lastMs, what] = [last.get(lives), `${object}: ${data.name}`];
    if (tick === undefined) return [];
    last.set(lives, tick.atMs);
    const wrong: Violation[] = [];
    if (earlier?.data.since !== data.since) {
      wrong.push(broken('schedule: what was removed stays so', `${what} came back with a tick`, note));
    } else if (earlier.data.said !== data.said) {
      wrong.push(broken('schedule: what was declared stays so', `${what} was changed by a tick`, earlier.note, note));
    }
    if (lastMs !== undefined && tick.atMs <= lastMs) {
      wrong.push(broken('schedule: a tick once', `${what} ticked for ${tick.atMs} after ${lastMs}`, note));
    }
    if (data.waiting > { allow: Number.POSITIVE_INFINITY, skip: 0, wait: 1 }[data.overlap]) {
      const message = `${what} has ${data.waiting} jobs waiting, overlap: ${data.overlap}`;
      wrong.push(broken('schedule: overlap', message, note));
    }
    return wrong;
  });
}
