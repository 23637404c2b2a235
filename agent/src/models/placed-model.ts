import {
  isApiError,
  type ApiError,
  type ErrorCode,
  type ModelDetails,
  type ModelSpec,
  type ModelState,
  type ModelStatus,
} from '@ollamamax/api';
import { backoffDelay, sleep, type Logger } from '@ollamamax/common';
import { checkAdapter } from './adapter-facts.ts';
import { checkDraft } from './draft-facts.ts';
import { fileError } from './file-error.ts';
import { type DigestCache, fingerprintOf, sameFingerprint } from './file-digest.ts';
import type { HttpSourceLimits } from './http-source.ts';
import { modelDetails, readModelFacts, type ModelFacts } from './model-facts.ts';
import { checkProjector } from './projector-facts.ts';
import { bringFile, wantedFiles, type VerifiedFile, type WantedFile } from './verified-file.ts';

/** Times in milliseconds. */
export interface ModelStoreLimits extends HttpSourceLimits {
  /** Between two looks at whether a ready file is still the one that was verified. */
  readonly checkMs: number;
  /** Between tries when a source cannot be reached: doubles from minMs to maxMs. */
  readonly retry: { readonly minMs: number; readonly maxMs: number };
  /** Between tries when only a change elsewhere can help: refused, wrong digest, disk full. */
  readonly slowRetryMs: number;
  /** Least time between two reports of progress. */
  readonly progressMs: number;
}

export interface PlacedModelOptions {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly blobDir: string;
  readonly cache: DigestCache;
  readonly limits: ModelStoreLimits;
  readonly logger: Logger;
  /** Runs work that reads or writes whole files: few at a time, and one at a time per key. */
  readonly heavy: <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
  readonly onChange: () => void;
}

/** A verified file that is still what it was when last looked at, with the files beside it. */
export interface ReadyFile extends VerifiedFile {
  /** In the order of the specification. */
  readonly adapters: readonly VerifiedFile[];
  readonly projector: VerifiedFile | undefined;
  /** The smaller model that guesses for it. */
  readonly draft: VerifiedFile | undefined;
  readonly template: string;
  readonly details: ModelDetails;
}

interface Progress {
  readonly state: ModelState;
  readonly sizeBytes: number;
  readonly completedBytes: number;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** Failed tries in a row, without a new byte, after which a model counts as failed. */
const triesUntilFailed = 3;

const slowCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'source_refused',
  'disk_full',
  'model_file_invalid',
  'source_file_missing',
]);

const bytesOf = (spec: ModelSpec): string =>
  JSON.stringify([
    wantedFiles(spec).map(({ source, sha256 }) => [source, sha256]),
    // The same file may be one thing in one of them and another in the other.
    [spec.adapters?.length ?? 0, spec.projector !== undefined, spec.draft !== undefined],
  ]);

/** Whether two specifications are served from the same bytes. */
export const sameBytes = (a: ModelSpec, b: ModelSpec): boolean => bytesOf(a) === bytesOf(b);

/** In the order of `wantedFiles`. */
const filesOf = (ready: ReadyFile): readonly VerifiedFile[] => [
  ready,
  ...ready.adapters,
  ...(ready.projector === undefined ? [] : [ready.projector]),
  ...(ready.draft === undefined ? [] : [ready.draft]),
];

const bytesIn = (files: readonly VerifiedFile[]): number =>
  files.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0);

/** Waits until the time is over or the signal aborts; the caller looks at its signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, signal).catch(() => undefined);

/** What a look into a file tells; errors of the file system name the file. */
const looked = <T>({ path }: VerifiedFile, look: (path: string) => Promise<T>): Promise<T> =>
  look(path).catch((error: unknown) => {
    throw isApiError(error) ? error : fileError(error, path);
  });

/** Asked anew each time: the compiler takes `signal.aborted` for unchanged across an await. */
const stopped = (signal: AbortSignal): boolean => signal.aborted;

/** One model placed on this agent: brings its files about, verifies and watches them until it is stopped. */
export class PlacedModel {
  readonly #options: PlacedModelOptions;
  readonly #controller = new AbortController();
  readonly #logger: Logger;
  #spec: ModelSpec;
  #progress: Progress = { state: 'pending', sizeBytes: 0, completedBytes: 0 };
  #ready: ReadyFile | undefined;
  /** What is being brought about, or has failed to be. */
  #wanted: WantedFile;
  #facts: ModelFacts | undefined;
  #running: Promise<void> = Promise.resolve();
  #loggedFailure = '';
  #lastReport = 0;
  #lastCheck = 0;
  #wake: (() => void) | undefined;

  constructor(options: PlacedModelOptions) {
    this.#options = options;
    this.#spec = options.spec;
    this.#wanted = options.spec;
    this.#logger = options.logger.child({ model: options.name });
  }

  get spec(): ModelSpec {
    return this.#spec;
  }

  /** Takes over a specification that is served from the same bytes. */
  updateSpec(spec: ModelSpec): void {
    this.#spec = spec;
    if (this.#ready !== undefined && this.#facts !== undefined)
      this.#ready = this.#readyFile(this.#ready, this.#ready, this.#facts);
  }

  get ready(): ReadyFile | undefined {
    return this.#ready;
  }

  start(): void {
    this.#running = this.#run(this.#controller.signal);
  }

  async stop(): Promise<void> {
    this.#controller.abort(new Error('the model is no longer placed on this agent'));
    await this.#running;
  }

  /** Has the file looked at soon, unless that has just been done. */
  checkSoon(): void {
    if (Date.now() - this.#lastCheck >= Math.min(1000, this.#options.limits.checkMs)) this.#wake?.();
  }

  status(): ModelStatus {
    const { state, sizeBytes, completedBytes, error } = this.#progress;
    const digest = this.#ready?.digest ?? this.#spec.sha256;
    return {
      name: this.#options.name,
      state,
      ...(digest === undefined ? {} : { digest }),
      sizeBytes,
      completedBytes,
      ...(this.#ready === undefined
        ? {}
        : {
            modifiedAt: this.#ready.fingerprint.modifiedAt,
            details: this.#ready.details,
            ...(this.#ready.adapters.length === 0
              ? {}
              : { adapters: this.#ready.adapters.map((adapter) => adapter.digest) }),
          }),
      ...(error === undefined ? {} : { error }),
    };
  }

  #report(next: Progress): void {
    const before = this.#progress;
    this.#progress = next;
    const onlyProgress = before.state === next.state && before.error?.message === next.error?.message;
    if (onlyProgress) {
      if (before.completedBytes === next.completedBytes && before.sizeBytes === next.sizeBytes) return;
      if (Date.now() - this.#lastReport < this.#options.limits.progressMs) return;
    }
    this.#lastReport = Date.now();
    this.#options.onChange();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    let completedBefore = 0;
    while (!stopped(signal)) {
      try {
        const ready = await this.#bring(signal);
        failures = 0;
        this.#loggedFailure = '';
        const size = bytesIn(filesOf(ready));
        this.#logger.info('Model is ready.', { digest: ready.digest, bytes: size });
        this.#report({ state: 'ready', sizeBytes: size, completedBytes: size });
        await this.#watch(ready, signal);
        this.#ready = undefined;
        this.#report({ state: 'verifying', sizeBytes: size, completedBytes: 0 });
      } catch (error) {
        // Aborting is how a model is stopped; nothing is left to report then.
        if (stopped(signal)) return;
        this.#ready = undefined;
        failures = this.#progress.completedBytes > completedBefore ? 0 : failures + 1;
        completedBefore = this.#progress.completedBytes;
        const failure = isApiError(error) ? error : fileError(error, this.#options.name);
        this.#reportFailure(failure, failures);
        await pause(this.#delay(failure, failures), signal);
      }
    }
  }

  #reportFailure(failure: ApiError, failures: number): void {
    if (this.#loggedFailure !== failure.message)
      this.#logger.warn('Model is not ready.', { code: failure.code, reason: failure.message });
    this.#loggedFailure = failure.message;
    const waits = failure.code === 'source_unreachable' && failures < triesUntilFailed;
    this.#report({
      ...this.#progress,
      state: waits ? 'downloading' : 'failed',
      error: { code: failure.code, message: failure.message },
    });
  }

  #delay(failure: ApiError, failures: number): number {
    const { limits } = this.#options;
    if ('file' in this.#wanted.source) return limits.checkMs;
    const once = { minMs: limits.slowRetryMs, maxMs: limits.slowRetryMs };
    if (slowCodes.has(failure.code)) return backoffDelay(0, once);
    // Each try costs a whole download: wait longer each time, up to an hour at the usual minute.
    if (failure.code === 'digest_mismatch')
      return backoffDelay(failures, { ...once, maxMs: limits.slowRetryMs * 60 });
    const asked = (failure.retryAfterSeconds ?? 0) * 1000;
    return Math.max(Math.min(asked, limits.slowRetryMs), backoffDelay(failures, limits.retry));
  }

  /** Waits, but not longer than until checkSoon(). */
  async #pauseUntilWoken(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = undefined;
  }

  /** Returns when a file is no longer the verified one. */
  async #watch(ready: ReadyFile, signal: AbortSignal): Promise<void> {
    while (!stopped(signal)) {
      await this.#pauseUntilWoken(this.#options.limits.checkMs, signal);
      if (stopped(signal)) return;
      this.#lastCheck = Date.now();
      for (const [index, wanted] of wantedFiles(this.#spec).entries()) {
        this.#wanted = wanted;
        const file = filesOf(ready)[index];
        if (file !== undefined && !(await this.#isUnchanged(file))) return;
      }
    }
  }

  async #isUnchanged({ path, fingerprint }: VerifiedFile): Promise<boolean> {
    try {
      if (sameFingerprint(await fingerprintOf(path), fingerprint)) return true;
      this.#logger.warn('A file of the model has changed; it is verified anew.', { path });
    } catch (error) {
      if ('file' in this.#wanted.source) throw fileError(error, path);
      this.#logger.warn('A file of the model is gone; it is fetched anew.', { path });
    }
    return false;
  }

  async #bring(signal: AbortSignal): Promise<ReadyFile> {
    const { adapters = [], projector: wantedProjector, draft: wantedDraft } = this.#spec;
    const verified = await this.#bringOne(this.#spec, [], signal);
    const facts = await looked(verified, readModelFacts);
    const applied: VerifiedFile[] = [];
    for (const wanted of adapters) {
      const adapter = await this.#bringOne(wanted, [verified, ...applied], signal);
      await looked(adapter, (path) => checkAdapter(path, facts.header));
      applied.push(adapter);
    }
    const projector =
      wantedProjector === undefined
        ? undefined
        : await this.#bringOne(wantedProjector, [verified, ...applied], signal);
    if (projector !== undefined) await looked(projector, checkProjector);
    const before = [verified, ...applied, ...(projector === undefined ? [] : [projector])];
    const draft = wantedDraft === undefined ? undefined : await this.#bringOne(wantedDraft, before, signal);
    if (draft !== undefined) {
      const base = await looked(verified, (path) => readModelFacts(path, { verbose: true }));
      await looked(draft, (path) => checkDraft(path, base));
    }
    this.#facts = facts;
    this.#ready = this.#readyFile(verified, { adapters: applied, projector, draft }, facts);
    return this.#ready;
  }

  /** @param here what has been brought about already */
  #bringOne(wanted: WantedFile, here: readonly VerifiedFile[], signal: AbortSignal): Promise<VerifiedFile> {
    this.#wanted = wanted;
    const before = bytesIn(here);
    return bringFile(
      wanted,
      {
        ...this.#options,
        logger: this.#logger,
        onTurn: () => {
          if (this.#progress.state === 'pending')
            this.#report({ state: 'downloading', sizeBytes: 0, completedBytes: 0 });
        },
        onProgress: (state, sizeBytes, completedBytes) =>
          this.#report({ state, sizeBytes: before + sizeBytes, completedBytes: before + completedBytes }),
      },
      signal,
    );
  }

  #readyFile(
    { path, digest, fingerprint }: VerifiedFile,
    { adapters, projector, draft }: Pick<ReadyFile, 'adapters' | 'draft' | 'projector'>,
    facts: ModelFacts,
  ): ReadyFile {
    const template = this.#spec.template ?? facts.template;
    return {
      path,
      digest,
      fingerprint,
      adapters,
      projector,
      draft,
      template,
      details: modelDetails(facts, template, projector !== undefined),
    };
  }
}
