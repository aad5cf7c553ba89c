import { connect } from '../../src/connect/connect.js';
import { consumeSome, type QueueWork } from './queue-work.js';

// Consumers in a process of their own.

process.on('message', ({ url, ...work }: QueueWork & { readonly url: string }) => {
  const done = connect(url).then(async (conclave) => {
    try {
      return await consumeSome(conclave, work);
    } finally {
      await conclave.close();
    }
  });
  done.then(
    (result) => process.send?.({ result }),
    (error) => process.send?.({ failure: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
