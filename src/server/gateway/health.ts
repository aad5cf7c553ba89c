import type { HttpExchange } from './exchange.js';
import { jsonHeaders, textHeaders } from './headers.js';
import type { SelfCheck } from './self-check.js';

/** `GET /health`: well, or the one reason why not. `exclude=NOSPACE` overlooks an alarm. */
export async function answerHealth(exchange: HttpExchange, check: SelfCheck): Promise<void> {
  const { query } = exchange;
  const reason = await illness(check, query.getAll('exclude'), query.get('serializable') === 'true');
  const body = JSON.stringify({ health: String(reason === ''), reason });
  exchange.answer(reason === '' ? 200 : 503, { ...jsonHeaders, 'content-type': 'text/plain' }, body);
}

async function illness(check: SelfCheck, excluded: readonly string[], serializable: boolean): Promise<string> {
  try {
    const status = await check.status();
    const alarm = alarms.find((each) => !excluded.includes(each) && raises(status?.errors, each));
    if (alarm !== undefined) return `ALARM ${alarm}`;
    if (!serializable && status?.leader === 0n) return 'RAFT NO LEADER';
    await check.read(serializable);
    return '';
  } catch (error) {
    return `RANGE ERROR:${messageOf(error)}`;
  }
}

const alarms = ['NOSPACE', 'CORRUPT'] as const;

/** As the status tells them: `memberID:1 alarm:NOSPACE`. */
function raises(errors: readonly string[] | undefined, alarm: string): boolean {
  return errors?.some((each) => each.includes(alarm)) ?? false;
}

/** Rejects with what is wrong. */
type Check = (check: SelfCheck) => Promise<void>;

const serializableRead: Check = (check) => check.read(true);
const linearizableRead: Check = (check) => check.read(false);

const dataCorruption: Check = async (check) => {
  if (raises((await check.status())?.errors, 'CORRUPT')) throw new Error('alarm activated: CORRUPT');
};

const nonLearner: Check = async (check) => {
  if ((await check.status())?.isLearner === true) throw new Error('local member is a learner');
};

/** `/livez` and `/readyz`, each with its parts, as etcd has them since 3.5.11. */
export const probes = {
  livez: new Map([['serializable_read', serializableRead]]),
  readyz: new Map([
    ['data_corruption', dataCorruption],
    ['serializable_read', serializableRead],
    ['linearizable_read', linearizableRead],
    ['non_learner', nonLearner],
  ]),
} as const satisfies Record<string, ReadonlyMap<string, Check>>;

/** `part`: one check alone, as `/readyz/non_learner`; an unknown one is not found. */
export async function answerProbe(
  exchange: HttpExchange,
  check: SelfCheck,
  name: keyof typeof probes,
  part: string | undefined,
): Promise<void> {
  const all: ReadonlyMap<string, Check> = probes[name];
  const one = part === undefined ? undefined : all.get(part);
  if (part !== undefined && one === undefined) {
    exchange.answer(404, textHeaders, '404 page not found\n');
    return;
  }
  const { query } = exchange;
  const excluded = query.getAll('exclude');
  const chosen = part === undefined || one === undefined ? all : new Map([[part, one]]);
  const report = await runChecks(check, chosen, excluded);
  if (!report.isWell) exchange.answer(503, textHeaders, `${report.lines}${name} check failed\n`);
  else exchange.answer(200, textHeaders, query.has('verbose') ? `${report.lines}ok\n` : 'ok\n');
}

async function runChecks(
  check: SelfCheck,
  chosen: ReadonlyMap<string, Check>,
  excluded: readonly string[],
): Promise<{ readonly isWell: boolean; readonly lines: string }> {
  let isWell = true;
  let lines = '';
  for (const [name, run] of chosen) {
    if (excluded.includes(name)) {
      lines += `[+]${name} excluded: ok\n`;
      continue;
    }
    try {
      await run(check);
      lines += `[+]${name} ok\n`;
    } catch (error) {
      isWell = false;
      lines += `[-]${name} failed: ${messageOf(error)}\n`;
    }
  }
  return { isWell, lines };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
