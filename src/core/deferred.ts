/** A promise with its ends in hand (`Promise.withResolvers` is not in Node 20). */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(reason: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/** For whoever resolves it again and again: Node looks into each time after the first, which costs a call out of V8. */
export function deferredOnce(): Deferred<void> {
  const { promise, resolve, reject } = deferred();
  let settled = false;
  const once =
    <Args extends unknown[]>(settle: (...args: Args) => void) =>
    (...args: Args) => {
      if (settled) return;
      settled = true;
      settle(...args);
    };
  return { promise, resolve: once(resolve), reject: once(reject) };
}
