/** The other end of a `WorkerProcess`: does each job that comes, and ends with whoever sends them. */
export function answerJobs<Job>(run: (job: Job) => Promise<object>): void {
  process.on('message', (job: Job) => {
    run(job).then(
      (result) => process.send?.({ result }),
      (error) => process.send?.({ failure: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
