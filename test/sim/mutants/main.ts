import { runMutant, seedsMax } from './run-mutant.js';
import { mutants } from './table.js';

// npm run sim:mutants [-- NAME…]: plants known bugs one at a time; the run fails if one of them survives.

Error.stackTraceLimit = 0;
const names = process.argv.slice(2);
const chosen = names.length === 0 ? mutants : mutants.filter(({ name }) => names.some((each) => name.includes(each)));
let survivors = 0;
for (const mutant of chosen) {
  const found = await runMutant(mutant);
  if (found === undefined) survivors += 1;
  const how =
    found === undefined
      ? `SURVIVED ${seedsMax} seeds`
      : `found by seed ${found.seed} of ${found.workload}: ${found.rules.join(', ')}`;
  console.log(`${mutant.name}: ${how}`);
}
console.log(`sim:mutants: ${chosen.length} mutants, ${chosen.length - survivors} found, ${survivors} survived`);
process.exitCode = survivors === 0 ? 0 : 1;
