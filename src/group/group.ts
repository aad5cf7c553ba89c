import type { WaitOptions } from '../core/abort.js';
import type { RecipeContext } from '../line/context.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { GroupView } from './group-view.js';
import { type JoinOptions, Membership } from './membership.js';
import { type Folder, groupFolder } from './names.js';

/** Processes that know of each other. README.md beside this file says what it promises. */
export class Group {
  readonly name: string;
  readonly #context: RecipeContext;
  readonly #mirrors: SharedMirrors;
  readonly #folder: Folder;

  /** @throws ConclaveError `INVALID_NAME`. */
  constructor(context: RecipeContext, mirrors: SharedMirrors, name: string) {
    this.name = name;
    this.#context = context;
    this.#mirrors = mirrors;
    this.#folder = groupFolder(context, name);
  }

  /**
   * Becomes a member, and stays one through lost leases and outages; resolves when the others can see it. An abort or
   * timeout leaves nothing behind.
   * @throws `signal.reason` itself; ConclaveError `CONFLICT` when another process has the id, `INVALID_ARGUMENT`,
   * `INVALID_NAME`, `TIMEOUT`, what the store refuses for good.
   */
  async join(options: JoinOptions = {}): Promise<Membership> {
    options.signal?.throwIfAborted();
    return new Membership(this.#context, this.#folder, this.name, options).start();
  }

  /** The members, from now until `close()` or the abort of `signal`. All who watch in this process share one watch. */
  watch(options: Pick<WaitOptions, 'signal'> = {}): GroupView {
    options.signal?.throwIfAborted();
    return new GroupView(this.#context.runtime, this.#mirrors, this.#folder, this.name, options.signal);
  }
}
