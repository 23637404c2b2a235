import { TemplateRenderer } from '../runner/chat-template.ts';
import { Credit } from '../runner/credit.ts';
import { RunnerFailure } from '../runner/failure.ts';
import { Outbox } from '../runner/outbox.ts';
import type { FromRunner, Job, LoadSpec, ToRunner } from '../runner/protocol.ts';
import { runServerJob } from './server-job.ts';
import { describeServerModel, type ServerModel } from './server-model.ts';
import { startLlamaServer, type LlamaServer, type VisionSpec } from './server-process.ts';

/**
 * The runner of models with an image projector: it speaks to the agent as the other runner does, and has a llama-server
 * of its own compute. It ends when the agent ends, and llama-server ends with it.
 */
const heartbeatMs = 2000;

interface Running {
  readonly credit: Credit;
  readonly abort: AbortController;
}

const renderer = new TemplateRenderer();
const running = new Map<number, Running>();
let server: LlamaServer | undefined;
let model: ServerModel | undefined;
let beats = 0;

const send = (message: FromRunner): void => {
  if (process.connected) process.send?.(message);
};
const outbox = new Outbox((events) => send({ type: 'events', events }));
const log = (line: string): void => void process.stderr.write(`${line}\n`);

const hasVision = (spec: LoadSpec): spec is VisionSpec => spec.vision !== undefined;

const load = async (spec: LoadSpec): Promise<void> => {
  try {
    if (!hasVision(spec)) throw new RunnerFailure('internal', 'The model has no image projector.');
    const started = await startLlamaServer(spec, {
      environment: process.env,
      log,
      onStarted: (child) => process.once('exit', () => child.kill()),
    });
    void started.ended.then((how) => {
      log(`error: llama-server ${how}`);
      process.exit(1);
    });
    model = await describeServerModel(started.client, spec);
    server = started;
    send({ type: 'loaded', residentBytes: started.usage()?.residentBytes ?? 0 });
  } catch (error) {
    send({
      type: 'load_failed',
      code: error instanceof RunnerFailure ? error.code : 'model_load_failed',
      message: error instanceof Error ? error.message : String(error),
    });
  }
};

const start = async (id: number, job: Job): Promise<void> => {
  if (model === undefined || server === undefined) {
    outbox.push({ kind: 'failed', id, code: 'internal', message: 'The runner has no model yet.' });
    return;
  }
  let wake = (): void => undefined;
  const credit = new Credit(job.creditWindow, () => wake());
  const abort = new AbortController();
  abort.signal.addEventListener('abort', () => wake());
  running.set(id, { credit, abort });
  await runServerJob({
    id,
    job,
    model,
    renderer,
    credit,
    untilRead: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    ended: server.ended,
    signal: abort.signal,
    emit: (event) => outbox.push(event),
  });
  running.delete(id);
};

process.on('message', (message: ToRunner) => {
  switch (message.type) {
    case 'devices':
      // Those are asked of the other runner.
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
      running.get(message.id)?.abort.abort();
      break;
    case 'stop':
      process.exit(0);
  }
});
process.on('disconnect', () => process.exit(0));
// The agent decides when a runner with work ends, also where a service manager signals all processes.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (model === undefined) process.exit(0);
  });

setInterval(() => {
  const usage = server?.usage();
  beats += 1;
  // What it computes of an image does not show in tokens; its processor time does.
  send({ type: 'heartbeat', residentBytes: usage?.residentBytes ?? 0, progress: usage?.computed ?? beats });
}, heartbeatMs).unref();
