/** What a test waits for: a promise, or something that is to become truthy, asked again and again. */
export type Awaitable<T> = PromiseLike<T> | (() => T | PromiseLike<T>);

/** How it ended. */
export type Ending<T> = { readonly value: T } | { readonly error: unknown };

/** `what` as a question that can be asked at any time; undefined: not yet. */
export function endingOf<T>(what: Awaitable<T>, onSettled: () => void): () => Ending<T> | undefined {
  let ending: Ending<T> | undefined;
  const settle = (end: Ending<T>) => {
    ending = end;
    onSettled();
  };
  if (typeof what !== 'function') {
    what.then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    );
    return () => ending;
  }
  let asking = false;
  const answered = (value: T) => {
    asking = false;
    if (value) settle({ value });
  };
  return () => {
    if (ending !== undefined || asking) return ending;
    try {
      const answer = what();
      if (!isPromise(answer)) return answer ? { value: answer } : undefined;
      asking = true;
      answer.then(answered, (error: unknown) => settle({ error }));
    } catch (error) {
      ending = { error };
    }
    return ending;
  };
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
