import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { RunnerFailure } from './failure.ts';
import type { RenderReply, RenderRequest } from './render-worker.ts';

/** A template has refused what it was given; others are wrong, or have run out of time or memory. */
export class TemplateRefusal extends RunnerFailure {
  constructor(message: string) {
    super('template_failed', `The chat template failed: ${message}.`);
  }
}

/** The time that all ways to render one conversation may take together, in ms of the thread's work. */
export class RenderTime {
  readonly totalMs: number;
  #spentMs = 0;

  constructor(totalMs: number) {
    this.totalMs = totalMs;
  }

  get leftMs(): number {
    return Math.max(0, this.totalMs - this.#spentMs);
  }

  spend(ms: number): void {
    this.#spentMs += ms;
  }
}

const maxRenderedUnits = 50 * 1024 * 1024;

/** How long a fresh thread may take until it has begun with its first template. */
const startTimeoutMs = 30_000;

/** Nothing of the environment is for templates; where Node keeps compiled sources saves the thread 20 MB. */
const cacheOnly = (): Record<string, string> => {
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
};

/** Renders templates in a worker thread, one at a time, each with a deadline and a bound on memory. */
export class TemplateRenderer {
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param time what is left of it counts from the moment the thread begins with this template.
   * @throws TemplateRefusal what the template says of the variables
   * @throws RunnerFailure template_failed
   */
  render(template: string, variables: Readonly<Record<string, unknown>>, time: RenderTime): Promise<string> {
    const request: RenderRequest = { template, variables, maxUnits: maxRenderedUnits };
    const result = this.#last.then(() => this.#render(request, time));
    this.#last = result.catch(() => undefined);
    return result;
  }

  #render(request: RenderRequest, time: RenderTime): Promise<string> {
    const late = `The chat template did not finish within ${time.totalMs} ms.`;
    if (time.leftMs === 0) return Promise.reject(new RunnerFailure('template_failed', late));
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      let began: number | undefined;
      const finish = (settle: () => void): void => {
        if (began !== undefined) time.spend(performance.now() - began);
        clearTimeout(timer);
        worker.off('message', onMessage);
        worker.off('error', onError);
        worker.off('exit', onExit);
        settle();
      };
      const abandon = (message: string): void =>
        finish(() => {
          this.#worker = undefined;
          void worker.terminate();
          reject(new RunnerFailure('template_failed', message));
        });
      const expire = (): void => {
        // Timers may be early by a part of a millisecond.
        time.spend(time.leftMs);
        abandon(late);
      };
      let timer = setTimeout(expire, startTimeoutMs);
      const onMessage = (reply: RenderReply): void => {
        if (reply.type === 'started') {
          clearTimeout(timer);
          began = performance.now();
          timer = setTimeout(expire, time.leftMs);
        } else if (reply.type === 'rendered') {
          finish(() => resolve(reply.text));
        } else if (reply.type === 'refused') {
          finish(() => reject(new TemplateRefusal(reply.message)));
        } else {
          const message = `The chat template failed: ${reply.message}.`;
          finish(() => reject(new RunnerFailure('template_failed', message)));
        }
      };
      const onError = (error: Error): void => abandon(`The chat template failed: ${error.message}.`);
      const onExit = (): void => abandon('The chat template ended its thread.');
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./render-worker.ts', import.meta.url), {
      env: cacheOnly(),
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    });
    worker.unref();
    // A thread that was given up may still run out of memory before it is gone: an error that nobody
    // hears would end the runner and every answer in it.
    worker.on('error', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }
}
