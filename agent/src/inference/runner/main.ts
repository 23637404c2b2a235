import { flushCompileCache } from 'node:module';
import { TemplateRenderer } from './chat-template.ts';
import { Credit } from './credit.ts';
import { RunnerFailure } from './failure.ts';
import { runJob } from './generation.ts';
import { loadModel, readBackend } from './llama.ts';
import type { LoadedModel } from './loaded-model.ts';
import { Outbox } from './outbox.ts';
import type { FromRunner, Job, LoadSpec, ToRunner } from './protocol.ts';

/**
 * The runner: a child process that holds one model and computes tokens for the agent. It has no listening
 * socket and no credentials, and it ends when the agent ends.
 */
const heartbeatMs = 2000;

interface Running {
  readonly credit: Credit;
  readonly abort: AbortController;
}

const renderer = new TemplateRenderer();
const running = new Map<number, Running>();
let progress = 0;
let loaded: LoadedModel | undefined;

const send = (message: FromRunner): void => {
  if (process.connected) process.send?.(message);
};
const outbox = new Outbox((events) => send({ type: 'events', events }));

const load = async (spec: LoadSpec): Promise<void> => {
  try {
    loaded = await loadModel(
      spec,
      (level, message) => process.stderr.write(`${level}: ${message}\n`),
      (share) => send({ type: 'loading', share }),
    );
    send({ type: 'loaded', residentBytes: process.memoryUsage.rss() });
    // Node writes its cache of compiled sources at a clean exit only, and a runner may never have one.
    flushCompileCache();
  } catch (error) {
    send({
      type: 'load_failed',
      code: error instanceof RunnerFailure ? error.code : 'model_load_failed',
      message: error instanceof Error ? error.message : String(error),
    });
  }
};

const tellDevices = async (): Promise<void> => {
  send({ type: 'devices', backend: await readBackend().catch(() => undefined) });
};

const start = async (id: number, job: Job): Promise<void> => {
  const model = loaded;
  if (model === undefined) {
    outbox.push({ kind: 'failed', id, code: 'internal', message: 'The runner has no model yet.' });
    return;
  }
  const credit = new Credit(job.creditWindow, () => model.scheduler.wake());
  const abort = new AbortController();
  running.set(id, { credit, abort });
  await runJob({
    id,
    job,
    model,
    renderer,
    credit,
    signal: abort.signal,
    emit: (event) => outbox.push(event),
    progress: (tokens) => {
      progress += tokens;
    },
  });
  running.delete(id);
};

const cancel = (id: number): void => {
  running.get(id)?.abort.abort();
};

process.on('message', (message: ToRunner) => {
  switch (message.type) {
    case 'devices':
      void tellDevices();
      break;
    case 'load':
      void load(message.spec);
      break;
    case 'start':
      void start(message.id, message.job);
      break;
    case 'ack':
      running.get(message.id)?.credit.give(message.units);
      break;
    case 'cancel':
      cancel(message.id);
      break;
    case 'stop':
      process.exit(0);
  }
});
process.on('disconnect', () => process.exit(0));
// The agent decides when a runner with work ends: Ctrl-C and service managers signal the whole process group,
// while the agent still finishes its streams.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (loaded === undefined) process.exit(0);
  });

setInterval(
  () =>
    send({
      type: 'heartbeat',
      residentBytes: process.memoryUsage.rss(),
      stateBytes: loaded?.scheduler.stateBytes ?? 0,
      progress,
    }),
  heartbeatMs,
).unref();
