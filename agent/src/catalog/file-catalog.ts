import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ApiError, isApiError, type DesiredState } from '@ollamamax/api';
import { writeFileAtomic, type Component, type Logger } from '@ollamamax/common';
import type { Catalog } from './catalog.ts';
import { checkDesiredState } from './desired-state-check.ts';

export interface FileCatalogOptions {
  readonly dataDir: string;
  /** What the configuration asks for; its revision does not count. */
  readonly initial?: Omit<DesiredState, 'revision'>;
  readonly logger: Logger;
}

/** Where a state came from decides whether a changed configuration may replace it. */
type Origin = 'configuration' | 'pushed';

interface Persisted {
  readonly version: 1;
  readonly origin: Origin;
  readonly state: DesiredState;
}

/** Compared as JSON: that is how a persisted state has been written. */
const sameContent = (a: DesiredState, b: DesiredState): boolean =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));

/** Before anything was asked for: older than every revision there is. */
const emptyState: DesiredState = { revision: 0, models: [], settings: {} };

class FileCatalog implements Catalog, Component {
  readonly name = 'catalogue';
  readonly #options: FileCatalogOptions;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #listeners = new Set<(state: DesiredState) => void>();
  #state = emptyState;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: FileCatalogOptions) {
    this.#options = options;
    this.#path = join(options.dataDir, 'catalog.json');
    this.#logger = options.logger.child({ component: this.name });
  }

  /** @throws ApiError state_corrupt, invalid_request when the configuration asks for what cannot be */
  async start(): Promise<void> {
    await mkdir(this.#options.dataDir, { recursive: true });
    const persisted = await this.#load();
    const { initial } = this.#options;
    const configured = initial === undefined ? undefined : checkDesiredState({ ...initial, revision: 1 });
    if (persisted === undefined) {
      if (configured !== undefined) await this.#keep('configuration', configured);
      return;
    }
    this.#state = persisted.state;
    if (persisted.origin === 'pushed' || configured === undefined) return;
    const { revision } = persisted.state;
    if (sameContent({ ...configured, revision }, persisted.state)) return;
    this.#logger.info('The configuration asks for other models or settings than before.', {
      revision: revision + 1,
    });
    await this.#keep('configuration', { ...configured, revision: revision + 1 });
  }

  async stop(): Promise<void> {
    await this.#writing;
  }

  state(): DesiredState {
    return this.#state;
  }

  apply(next: DesiredState): Promise<{ readonly revision: number; readonly changed: boolean }> {
    // One after the other: which revision is newer is decided while nothing else is being written.
    const applied = this.#writing.then(() => this.#apply(next));
    this.#writing = applied.catch(() => undefined);
    return applied;
  }

  onChange(listener: (state: DesiredState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #apply(value: DesiredState): Promise<{ readonly revision: number; readonly changed: boolean }> {
    const next = checkDesiredState(value);
    const { revision } = this.#state;
    if (next.revision < revision)
      throw new ApiError(
        'stale_revision',
        `Revision ${next.revision} is older than revision ${revision}, which this agent has.`,
      );
    if (next.revision === revision) return { revision, changed: false };
    await this.#keep('pushed', next);
    this.#logger.info('Took over a new desired state.', {
      revision: next.revision,
      models: next.models.length,
    });
    for (const listener of this.#listeners) {
      try {
        listener(next);
      } catch (error) {
        this.#logger.error('A listener to catalogue changes failed.', { error });
      }
    }
    return { revision: next.revision, changed: true };
  }

  async #keep(origin: Origin, state: DesiredState): Promise<void> {
    const content: Persisted = { version: 1, origin, state };
    try {
      await writeFileAtomic(this.#path, `${JSON.stringify(content, null, 2)}\n`, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new ApiError('disk_full', `There is no space left for ${this.#path}.`, { cause: error });
    }
    this.#state = state;
  }

  async #load(): Promise<Persisted | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw this.#corrupt(`it cannot be read (${String(code)})`, error);
    }
    let content: Partial<Record<keyof Persisted, unknown>> | null;
    try {
      content = JSON.parse(text) as Partial<Record<keyof Persisted, unknown>> | null;
    } catch (error) {
      throw this.#corrupt('it is not JSON', error);
    }
    if (typeof content !== 'object' || content?.version !== 1) throw this.#corrupt('it has no version 1');
    const { origin } = content;
    if (origin !== 'configuration' && origin !== 'pushed') throw this.#corrupt('its origin is unknown');
    try {
      return { version: 1, origin, state: checkDesiredState(content.state) };
    } catch (error) {
      throw isApiError(error) ? this.#corrupt(error.message, error) : error;
    }
  }

  #corrupt(reason: string, cause?: unknown): ApiError {
    return new ApiError('state_corrupt', `${this.#path} is damaged: ${reason.replace(/\.$/, '')}.`, {
      cause,
    });
  }
}

/**
 * The catalogue of one agent, kept in `<dataDir>/catalog.json`.
 *
 * Which state counts at start: without a file the configuration's, as revision 1. A state that was pushed
 * stays, whatever the configuration says. A state that came from the configuration is replaced by a
 * configuration with other content, as the next revision.
 */
export const createFileCatalog = (options: FileCatalogOptions): Catalog & Component =>
  new FileCatalog(options);
