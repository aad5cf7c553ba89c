/** Calls what a user gave us. One that throws is its owner's bug, reported as such, and disturbs nothing here. */
export function callUser(fn: () => void): void {
  try {
    fn();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
