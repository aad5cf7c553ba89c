import { at, type Strategy } from '../strategy.js';

/** One after the other. Weights do not count: `weighted()`. */
export function roundRobin(): Strategy {
  let turn = -1;
  return {
    choose: ({ instances }) => {
      turn = (turn + 1) % instances.length;
      return at(instances, turn);
    },
  };
}
