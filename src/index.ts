// For applications.
export { Barrier, type RaiseOptions } from './barrier/barrier.js';
export { CountDownLatch, type LatchOptions } from './barrier/count-down-latch.js';
export { CyclicBarrier } from './barrier/cyclic-barrier.js';
export { DoubleBarrier } from './barrier/double-barrier.js';
export type { PartiesOptions } from './barrier/meet.js';
export type { PartyOptions } from './barrier/party.js';
export type { Cache, CacheEvents, CacheOptions, ReadOptions } from './cache/cache.js';
export type { CacheChange, CacheKeyChange } from './cache/cache-change.js';
export type { CacheView } from './cache/cache-view.js';
export type { CacheEntry } from './cache/decoding.js';
export { Conclave } from './conclave.js';
export type {
  ChangeCause,
  ConfigChange,
  ConfigProblem,
  DeepReadonly,
} from './config/change.js';
export type { ValidationOptions } from './config/checks.js';
export type { Config, RollbackOptions, RolloutStep, SetOptions, StoredValue } from './config/config.js';
export type { LayerName, Sources } from './config/layers.js';
export type { LayerOptions, WatchConfigOptions } from './config/options.js';
export type { ConfigWatcher } from './config/reports.js';
export type { Audience, WatcherId } from './config/rollout.js';
export type { Decode } from './config/store-layer.js';
export type { ConfigEvents, ConfigStatus, WatchedConfig } from './config/watched-config.js';
export { connect } from './connect/connect.js';
export type { ConnectOptions, TlsOptions } from './connect/options.js';
export type { WaitOptions } from './core/abort.js';
export { ConclaveError, type ErrorCode, type LossReason, type Outcome, type RevisionConflict } from './core/errors.js';
export type { HealthOptions, HealthProbe } from './core/health.js';
export type { Issue, SchemaIssue, SchemaResult, StandardSchema } from './core/standard-schema.js';
export { version } from './core/version.js';
export { Counter, type CounterOptions } from './counter/counter.js';
export { RateLimiter, type RateOptions, type Take, type TakeOptions } from './counter/rate-limiter.js';
export { Sequence, type SequenceOptions } from './counter/sequence.js';
export type { CampaignOptions } from './election/campaign.js';
export { Election } from './election/election.js';
export type { ElectionSummary, Elections } from './election/elections.js';
export type { Candidate } from './election/hand-over.js';
export type { Leader } from './election/leader.js';
export type { Leadership } from './election/leadership.js';
export type { Rank, RankOptions } from './election/rank.js';
export type { Resumable } from './election/resume.js';
export type { RunOptions } from './election/run.js';
export type {
  EphemeralEvents,
  EphemeralKey,
  EphemeralOptions,
  EphemeralStatus,
} from './ephemeral/ephemeral-key.js';
export { FenceGate, type FenceGateOptions, type FenceMemory, StoredFenceGate } from './fence/fence-gate.js';
export { fenceHeader, fenceMiddleware, formatFence, parseFence } from './fence/fence-header.js';
export {
  type ConditionalObjects,
  changeFenced,
  fenceMetadata,
  type StoredObject,
} from './fence/fenced-object.js';
export { type FencedUpdate, fencedUpdate, type SqlStatement } from './fence/fenced-sql.js';
export type { FlagDefinition, FlagFile } from './flags/flag.js';
export type { FlagSet, FlagSetEvents, FlagSetOptions, FlagsChange } from './flags/flag-set.js';
export type { Flags, Imported, ImportOptions, StoredFlag } from './flags/flags.js';
export type { FlagRollout } from './flags/rollout.js';
export type { PartitionOptions } from './group/division.js';
export type { Group } from './group/group.js';
export type { GroupView, MembersChange } from './group/group-view.js';
export type { Member } from './group/member.js';
export type { JoinOptions, Membership, MembershipStatus } from './group/membership.js';
export type { ItemOwner, Partition, PartitionShown } from './group/partition.js';
export type { ItemWork, Share, ShareEvents, ShareOptions } from './group/share.js';
export type { BreakOptions } from './inspect/break.js';
export type { Deadlock } from './inspect/deadlocks.js';
export type { InspectedPlace, LeaseLife, LockState } from './inspect/inspect.js';
export type { LockPlace } from './inspect/line-state.js';
export type { LineSummary } from './inspect/list.js';
export type { Stand, Wait } from './inspect/wait.js';
export type { WaitForGraph } from './inspect/wait-for.js';
export type { Session, SessionEvents, SessionOptions } from './lease/session.js';
export type { AcquireOptions, HoldOptions, LockOptions } from './line/context.js';
export type { Held, HeldAll, HeldBase, LockHeld } from './line/held.js';
export type { ListOptions } from './line/whole-lines.js';
export type { LockEntry } from './lock-all/lock-all.js';
export type { Locks } from './locks.js';
export type { JobInfo, JobState } from './queue/admin.js';
export type { Handler, WorkOptions } from './queue/consume.js';
export type { Consumer } from './queue/consumer.js';
export type { Job } from './queue/job.js';
export type { JobOptions } from './queue/new-job.js';
export type { QueueOptions } from './queue/options.js';
export { type Enqueued, type EnqueueOptions, Queue } from './queue/queue.js';
export type { Tick } from './queue/record.js';
export type { JobOutcome } from './queue/result.js';
export type { MissedPolicy, OverlapPolicy, ScheduleOptions } from './queue/schedule.js';
export type { ScheduleInfo } from './queue/schedules.js';
export type { QueueStats } from './queue/stats.js';
export type { Pick, PickOptions } from './registry/balancer.js';
export type { RegistryCodec } from './registry/codec.js';
export * as registryCodecs from './registry/codecs/index.js';
export type { DiscoverOptions, Discovery } from './registry/discovery.js';
export type { EjectionOptions } from './registry/ejection.js';
export type { Instance, InstanceSpec, Metadata } from './registry/instance.js';
export type { InstanceChange, InstancesChange } from './registry/instances-change.js';
export type { MassExpiryOptions } from './registry/mass-expiry.js';
export type { RegisterOptions, RegisterSpec, Registration, RegistrationStatus } from './registry/registration.js';
export type { Registry } from './registry/registry.js';
export * as strategies from './registry/strategies/index.js';
export type { Strategy } from './registry/strategy.js';
export { RwLock } from './rwlock/rw-lock.js';
export type {
  RunHandler,
  Schedule,
  ScheduledRun,
  ScheduleState,
  SingleRunOptions,
} from './schedule/schedule.js';
export type { SemaphorePlace, SemaphoreState } from './semaphore/inspect.js';
export { Semaphore, type SemaphoreAcquireOptions, type SemaphoreOptions } from './semaphore/semaphore.js';
export type { StmOptions } from './stm/stm.js';
export type { Tx } from './stm/tx.js';
export type { KeyOrPrefix } from './store/key-or-prefix.js';
// etcd's messages, for plain operations.
export {
  type Compare,
  CompareResult,
  CompareTarget,
  type Event,
  EventType,
  type KeyValue,
  type RangeResponse,
  type RequestOp,
  type ResponseOp,
  SortOrder,
  SortTarget,
  type TxnResponse,
  WatchFilter,
} from './store/messages.js';
export { createdAt, get, modifiedAt, put, remove, type Text } from './store/ops.js';
export type { TxnBuilder } from './store/txn-builder.js';
export type { WatchBatch } from './store/watch-batches.js';
export type { HistoryEntry, HistoryOptions } from './versions/history.js';
export type { KeyDiff } from './versions/key-diff.js';
export type { WriteOptions, Written } from './versions/write.js';
export type { WebLockInfo, WebLockSnapshot } from './web-locks/snapshot.js';
export type { WebLock } from './web-locks/web-lock.js';
export type { WebLockMode, WebLockOptions } from './web-locks/web-lock-options.js';
