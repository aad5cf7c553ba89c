/** What is in use after a collection: for processes that run with `--expose-gc`. */
export function usedBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
