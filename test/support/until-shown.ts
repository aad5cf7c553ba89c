/** A list or a value that follows the store: a discovery, a watched config. */
interface Following {
  ready(): Promise<void>;
  changes(): AsyncIterable<unknown>;
}

/** Resolves when what is shown is as wished: waits for changes, not for time. Bounded by the test's own time. */
export async function untilShown(following: Following, wish: () => boolean): Promise<void> {
  // Heard from here on, so that no change falls between the look and the wait.
  const changes = following.changes();
  await following.ready();
  if (wish()) return;
  for await (const _ of changes) if (wish()) return;
}
