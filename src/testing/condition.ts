/** What a test waits for: a promise, or something that is to become truthy, asked again and again. */
export type Awaitable<T> = PromiseLike<T> | (() => T | PromiseLike<T>);

/** How it ended. */
export type Ending<T> = { readonly value: T } | { readonly error: unknown };

/** `what` as a question that can be asked at any time; `asking`: just now, and the answer is not there yet. */
export function endingOf<T>(what: Awaitable<T>, onSettled: () => void): () => Ending<T> | 'asking' | undefined {
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
  let state: 'ready' | 'asking' | 'answered' = 'ready';
  const answered = (value: T) => {
    state = 'answered';
    if (value) settle({ value });
  };
  return () => {
    if (ending !== undefined || state === 'asking') return ending;
    if (state === 'answered') {
      // Something must happen first, or the answer would be the same for ever.
      state = 'ready';
      return undefined;
    }
    try {
      const answer = what();
      if (!isPromise(answer)) return answer ? { value: answer } : undefined;
      state = 'asking';
      answer.then(answered, (error: unknown) => settle({ error }));
    } catch (error) {
      ending = { error };
      return ending;
    }
    return 'asking';
  };
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
