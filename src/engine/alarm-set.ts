import { ConclaveError } from '../core/errors.js';
import { etcdError } from '../store/etcd-errors.js';

/** etcd's alarms, by number. */
export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;

export interface Alarm {
  readonly memberId: bigint;
  readonly type: number;
}

/** The alarms that are raised, in the order in which they were. */
export class AlarmSet {
  readonly #onChange: ((raised: readonly Alarm[]) => void) | undefined;
  #alarms: readonly Alarm[] = [];

  /** `onChange` is told of all of them after each change, before the call that made it returns. */
  constructor(onChange?: (raised: readonly Alarm[]) => void) {
    this.#onChange = onChange;
  }

  /** Those of `type`; of type `none`: all. */
  list(type: number): readonly Alarm[] {
    return type === AlarmType.none ? this.#alarms : this.#alarms.filter((alarm) => alarm.type === type);
  }

  has(type: number): boolean {
    return this.#alarms.some((alarm) => alarm.type === type);
  }

  /** What is raised by it: the same if it was raised already, nothing for type `none`. */
  activate(alarm: Alarm): readonly Alarm[] {
    if (alarm.type === AlarmType.none) return [];
    if (alarm.type !== AlarmType.noSpace && alarm.type !== AlarmType.corrupt) {
      throw new ConclaveError('INVALID_ARGUMENT', `conclave: there is no alarm of type ${alarm.type}`);
    }
    if (!this.#alarms.some((each) => same(each, alarm))) this.#change([...this.#alarms, alarm]);
    return [alarm];
  }

  /** What was taken back: nothing if it was not raised. */
  deactivate(alarm: Alarm): readonly Alarm[] {
    const kept = this.#alarms.filter((each) => !same(each, alarm));
    if (kept.length === this.#alarms.length) return [];
    this.#change(kept);
    return [alarm];
  }

  /** Makes them those that a journal tells of; nobody is told. */
  restore(raised: readonly Alarm[]): void {
    this.#alarms = raised;
  }

  /** With the alarm CORRUPT nothing is served. */
  checkSound(): void {
    if (this.#alarms.length > 0 && this.has(AlarmType.corrupt)) throw etcdError('corrupt');
  }

  #change(alarms: readonly Alarm[]): void {
    this.#alarms = alarms;
    this.#onChange?.(alarms);
  }
}

function same(a: Alarm, b: Alarm): boolean {
  return a.memberId === b.memberId && a.type === b.type;
}
