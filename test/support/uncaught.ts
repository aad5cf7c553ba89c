/** The next error that nobody catches, as `callUser` reports one; until then no other listener hears of any. */
export function nextUncaught(): Promise<unknown> {
  return new Promise((resolve) => {
    const others = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => {
      for (const each of others) process.on('uncaughtException', each as () => void);
      resolve(error);
    });
  });
}
