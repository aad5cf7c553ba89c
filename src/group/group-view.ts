import { abortable, onAbort, type WaitOptions, withDeadline } from '../core/abort.js';
import { deferredOnce } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { Readers } from '../core/readers.js';
import type { Runtime } from '../core/runtime.js';
import type { Share } from '../core/shared.js';
import type { KeyValue } from '../store/messages.js';
import type { Mirror, MirrorChange } from '../store/mirror.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { decodeMember, type Member } from './member.js';
import { type Folder, memberIdOf } from './names.js';

/** How the members at one revision differ from those shown before. */
export interface MembersChange {
  readonly revision: bigint;
  /** The changes in between were missed: all that differs, in one step. */
  readonly resync: boolean;
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
  readonly changed: readonly { readonly before: Member; readonly after: Member }[];
}

/** A reader that falls this many changes behind loses the oldest, never the newest. */
const changesLimit = 1024;

/** The members of one group, kept up to date. */
export class GroupView implements AsyncDisposable {
  readonly name: string;
  readonly #runtime: Runtime;
  readonly #folder: Folder;
  readonly #share: Share<Mirror>;
  readonly #members = new Map<string, Member>();
  readonly #ready = deferredOnce();
  readonly #readers = new Readers<MembersChange>(changesLimit);
  readonly #unlink: () => void;
  #list: readonly Member[] | undefined;
  #over = false;

  /** @internal `group.watch` makes them. */
  constructor(runtime: Runtime, mirrors: SharedMirrors, folder: Folder, name: string, signal?: AbortSignal) {
    this.name = name;
    this.#runtime = runtime;
    this.#folder = folder;
    this.#ready.promise.catch(() => {});
    this.#share = mirrors.subscribe(folder, {
      onChange: (change) => this.#changed(change),
      onEnd: (error) => this.#end(error),
    });
    this.#unlink = onAbort(signal, (reason) => this.#end(reason));
    const { revision, items } = this.#share.shared;
    const keys = [...items].map(([key, after]) => ({ key, before: undefined, after }));
    if (revision !== 0n) this.#changed({ revision, resync: false, keys });
  }

  /** A frozen list at one revision, the oldest member first; empty before the first word from the store. */
  get members(): readonly Member[] {
    this.#list ??= Object.freeze([...this.#members.values()].sort(byAge));
    return this.#list;
  }

  /** 0n: nothing is known yet. */
  get revision(): bigint {
    return this.#share.shared.revision;
  }

  /** Milliseconds since the store was last heard: what is shown may be that old. */
  get staleMs(): number {
    return this.#share.shared.silentMs;
  }

  /**
   * Resolves when the members are known.
   * @throws `signal.reason` itself; ConclaveError `TIMEOUT`, `CLOSED`, what the store refuses.
   */
  ready(options: WaitOptions = {}): Promise<void> {
    const what = `members of ${JSON.stringify(this.name)}`;
    return withDeadline(this.#runtime, what, options, (signal) => abortable(this.#ready.promise, signal));
  }

  /** Every change from this call on, in order. An abort throws `signal.reason`; a slow reader misses the oldest. */
  changes(options: Pick<WaitOptions, 'signal'> = {}): AsyncGenerator<MembersChange, void, undefined> {
    return this.#readers.read(options.signal);
  }

  /** Gives everything back. Idempotent. */
  close(): void {
    this.#end(new ConclaveError('CLOSED', `the view of ${this.name} was closed`));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #changed({ revision, resync, keys }: MirrorChange): void {
    const joined: Member[] = [];
    const left: Member[] = [];
    const changed: { before: Member; after: Member }[] = [];
    for (const { before: was, after: is } of keys) {
      const id = memberIdOf(this.#folder, (is ?? (was as KeyValue)).key);
      if (id === undefined) continue;
      const before = this.#members.get(id);
      const after = is === undefined ? undefined : decodeMember(id, is);
      if (after === undefined) this.#members.delete(id);
      else this.#members.set(id, after);
      // Another owner is another member, though of the same name.
      const same = before?.owner === after?.owner;
      if (before !== undefined && after !== undefined && same) changed.push({ before, after });
      if (before !== undefined && !(after !== undefined && same)) left.push(before);
      if (after !== undefined && !(before !== undefined && same)) joined.push(after);
    }
    this.#list = undefined;
    this.#ready.resolve();
    if (joined.length + left.length + changed.length === 0) return;
    this.#readers.tell({ revision, resync, joined, left, changed });
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#unlink?.();
    this.#share?.unsubscribe();
    this.#ready.reject(error as ConclaveError);
    this.#readers.end(error);
  }
}

function byAge(a: Member, b: Member): number {
  if (a.createRevision !== b.createRevision) return a.createRevision < b.createRevision ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
