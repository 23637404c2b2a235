export * from './conditions.ts';
export { createController } from './controller.ts';
export type {
  Controller,
  ControllerOptions,
  EventMapping,
  Reconcile,
  ReconcileContext,
  ReconcileResult,
  WatchSettings,
} from './controller.ts';
export { createEventRecorder } from './event-recorder.ts';
export type { EventFacts, EventRecorder, EventRecorderOptions } from './event-recorder.ts';
export { createFailpoints, noFailpoints } from './failpoints.ts';
export type { FailpointOptions, Failpoints } from './failpoints.ts';
export * from './finalizers.ts';
export type { InformerEvent } from './informer-event.ts';
export { createInformer } from './informer.ts';
export type { Informer, InformerHandler, InformerOptions } from './informer.ts';
export { createLeaderElection } from './leader-election.ts';
export type { LeaderElection, LeaderElectionOptions } from './leader-election.ts';
export * from './mappings.ts';
export { createRuntimeMetrics } from './metrics.ts';
export type { RuntimeMetrics } from './metrics.ts';
export * from './owners.ts';
export type { IndexFunction, Store } from './store.ts';
export { TerminalError, isTerminal } from './terminal-error.ts';
export { createWorkQueue } from './work-queue.ts';
export type { Priority, WorkQueue, WorkQueueOptions } from './work-queue.ts';
