/** Something that is started and stopped with the process. Not running until start resolves. */
export interface Component {
  readonly name: string;
  start?(signal: AbortSignal): Promise<void>;
  /** Must tolerate being called after a failed start. The signal aborts when the deadline is near. */
  stop?(signal: AbortSignal): Promise<void>;
}

export interface LifecycleOptions {
  /** Milliseconds one component may take to start. */
  readonly startTimeoutMs: number;
  /** Milliseconds one component may take to stop; a late one is left behind and reported. */
  readonly stopTimeoutMs: number;
  readonly onStopError?: (component: string, error: unknown) => void;
}

const withDeadline = async (
  what: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new Error(`${what} took longer than ${ms} ms`));
    }, ms);
  });
  try {
    await Promise.race([work(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Starts components in order and stops them in reverse; a failed start stops what already ran. */
export class Lifecycle {
  readonly #components: readonly Component[];
  readonly #options: LifecycleOptions;
  #started: Component[] = [];
  #stopping: Promise<void> | undefined;

  constructor(components: readonly Component[], options: LifecycleOptions) {
    this.#components = components;
    this.#options = options;
  }

  /** @throws the error of the component that failed, after the others were stopped again */
  async start(): Promise<void> {
    for (const component of this.#components) {
      this.#started.push(component);
      try {
        await withDeadline(`start of ${component.name}`, this.#options.startTimeoutMs, async (signal) => {
          await component.start?.(signal);
        });
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
  }

  /** Idempotent: every caller waits for the same stop. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    for (const component of this.#started.toReversed()) {
      try {
        await withDeadline(`stop of ${component.name}`, this.#options.stopTimeoutMs, async (signal) => {
          await component.stop?.(signal);
        });
      } catch (error) {
        this.#options.onStopError?.(component.name, error);
      }
    }
    this.#started = [];
  }
}
