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

/** What nobody catches while `work` goes on, in order. */
export async function uncaughtDuring(work: () => Promise<void>): Promise<unknown[]> {
  const others = process.rawListeners('uncaughtException');
  const caught: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  try {
    await work();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const each of others) process.on('uncaughtException', each as () => void);
  }
  return caught;
}
