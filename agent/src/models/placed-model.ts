import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  ApiError,
  isApiError,
  type ErrorCode,
  type ModelDetails,
  type ModelSpec,
  type ModelState,
  type ModelStatus,
} from '@ollamamax/api';
import { backoffDelay, sleep, type Logger } from '@ollamamax/common';
import { fileError } from './file-error.ts';
import {
  type DigestCache,
  fingerprintOf,
  hashFile,
  sameFingerprint,
  type Fingerprint,
} from './file-digest.ts';
import { type HttpSource, type HttpSourceLimits, downloadBlob } from './http-source.ts';
import { kvBytesPerToken, modelDetails, readModelFacts, type ModelFacts } from './model-facts.ts';

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

/** A verified file that is still what it was when last looked at. */
export interface ReadyFile {
  readonly path: string;
  readonly digest: string;
  readonly fingerprint: Fingerprint;
  readonly template: string;
  readonly details: ModelDetails;
  /** See kvBytesPerToken. */
  readonly kvBytesPerToken: number | undefined;
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

/** Whether two specifications are served from the same bytes. */
export const sameBytes = (a: ModelSpec, b: ModelSpec): boolean =>
  JSON.stringify([a.source, a.sha256]) === JSON.stringify([b.source, b.sha256]);

/** Waits until the time is over or the signal aborts; the caller looks at its signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, signal).catch(() => undefined);

/** Asked anew each time: the compiler takes `signal.aborted` for unchanged across an await. */
const stopped = (signal: AbortSignal): boolean => signal.aborted;

/** One model placed on this agent: brings its file about, verifies it and watches it until it is stopped. */
export class PlacedModel {
  readonly #options: PlacedModelOptions;
  readonly #controller = new AbortController();
  readonly #logger: Logger;
  #spec: ModelSpec;
  #progress: Progress = { state: 'pending', sizeBytes: 0, completedBytes: 0 };
  #ready: ReadyFile | undefined;
  #facts: ModelFacts | undefined;
  #running: Promise<void> = Promise.resolve();
  #loggedFailure = '';
  #lastReport = 0;
  #lastCheck = 0;
  #wake: (() => void) | undefined;

  constructor(options: PlacedModelOptions) {
    this.#options = options;
    this.#spec = options.spec;
    this.#logger = options.logger.child({ model: options.name });
  }

  get spec(): ModelSpec {
    return this.#spec;
  }

  /** Takes over a specification that is served from the same bytes. */
  updateSpec(spec: ModelSpec): void {
    this.#spec = spec;
    if (this.#ready !== undefined && this.#facts !== undefined)
      this.#ready = this.#readyFile(this.#ready, this.#facts);
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
        : { modifiedAt: this.#ready.fingerprint.modifiedAt, details: this.#ready.details }),
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
        const { size } = ready.fingerprint;
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
    if ('file' in this.#spec.source) return limits.checkMs;
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

  /** Returns when the file is no longer the verified one. */
  async #watch(ready: ReadyFile, signal: AbortSignal): Promise<void> {
    while (!stopped(signal)) {
      await this.#pauseUntilWoken(this.#options.limits.checkMs, signal);
      if (stopped(signal)) return;
      this.#lastCheck = Date.now();
      try {
        if (!sameFingerprint(await fingerprintOf(ready.path), ready.fingerprint)) {
          this.#logger.warn('The file of the model has changed; it is verified anew.', { path: ready.path });
          return;
        }
      } catch (error) {
        if ('file' in this.#spec.source) throw fileError(error, ready.path);
        this.#logger.warn('The file of the model is gone; it is fetched anew.', { path: ready.path });
        return;
      }
    }
  }

  async #bring(signal: AbortSignal): Promise<ReadyFile> {
    const { source } = this.#spec;
    const verified =
      'file' in source ? await this.#verify(resolve(source.file), signal) : await this.#fetch(source, signal);
    const facts = await readModelFacts(verified.path).catch((error: unknown) => {
      throw isApiError(error) ? error : fileError(error, verified.path);
    });
    this.#facts = facts;
    this.#ready = this.#readyFile(verified, facts);
    return this.#ready;
  }

  #readyFile(verified: Pick<ReadyFile, 'path' | 'digest' | 'fingerprint'>, facts: ModelFacts): ReadyFile {
    const template = this.#spec.template ?? facts.template;
    const { path, digest, fingerprint } = verified;
    return {
      path,
      digest,
      fingerprint,
      template,
      details: modelDetails(facts, template),
      kvBytesPerToken: kvBytesPerToken(facts),
    };
  }

  /** Makes sure of the digest of a file that is there. */
  async #verify(
    path: string,
    signal: AbortSignal,
  ): Promise<Pick<ReadyFile, 'path' | 'digest' | 'fingerprint'>> {
    const expected = this.#spec.sha256;
    const fingerprint = await this.#fingerprint(path);
    const known = this.#options.cache.get(path, fingerprint);
    const digest =
      known ?? (await this.#options.heavy(path, signal, () => this.#hash(path, fingerprint, signal)));
    if (expected !== undefined && digest !== expected)
      throw new ApiError(
        'digest_mismatch',
        `${path} has the SHA-256 ${digest}, but ${expected} is expected.`,
      );
    return { path, digest, fingerprint };
  }

  async #hash(path: string, fingerprint: Fingerprint, signal: AbortSignal): Promise<string> {
    // Another model of the same file may have been at it while this one waited.
    const known = this.#options.cache.get(path, fingerprint);
    if (known !== undefined) return known;
    const sizeBytes = fingerprint.size;
    this.#report({ state: 'verifying', sizeBytes, completedBytes: 0 });
    const digest = await hashFile(path, signal, (completedBytes) =>
      this.#report({ state: 'verifying', sizeBytes, completedBytes }),
    ).catch((error: unknown) => {
      throw signal.aborted ? error : fileError(error, path);
    });
    if (!sameFingerprint(await this.#fingerprint(path), fingerprint))
      throw new ApiError('source_file_missing', `${path} was being written while it was verified.`);
    await this.#options.cache.set(path, fingerprint, digest);
    return digest;
  }

  async #fingerprint(path: string): Promise<Fingerprint> {
    try {
      return await fingerprintOf(path);
    } catch (error) {
      throw fileError(error, path);
    }
  }

  async #fetch(
    source: { readonly http: string },
    signal: AbortSignal,
  ): Promise<Pick<ReadyFile, 'path' | 'digest' | 'fingerprint'>> {
    const { sha256 } = this.#spec;
    if (sha256 === undefined)
      throw new ApiError('invalid_request', `${this.#options.name}: a model from http needs sha256.`);
    const path = join(this.#options.blobDir, `sha256-${sha256}`);
    const job: HttpSource = { url: source.http, sha256, path };
    await this.#download(job, signal);
    try {
      return await this.#verify(path, signal);
    } catch (error) {
      if (!isApiError(error) || error.code !== 'digest_mismatch') throw error;
      this.#logger.warn('The downloaded file is damaged; it is fetched anew.', { path });
    }
    await this.#options.heavy(sha256, signal, () => this.#removeDamaged(job));
    await this.#download(job, signal);
    return this.#verify(path, signal);
  }

  #download(job: HttpSource, signal: AbortSignal): Promise<void> {
    return this.#options.heavy(job.sha256, signal, () => {
      if (this.#progress.state === 'pending')
        this.#report({ state: 'downloading', sizeBytes: 0, completedBytes: 0 });
      return downloadBlob(job, {
        cache: this.#options.cache,
        limits: this.#options.limits,
        signal,
        onProgress: (state, sizeBytes, completedBytes) => this.#report({ state, sizeBytes, completedBytes }),
      });
    });
  }

  /** Leaves a file alone that another model of the same digest has fetched anew by now. */
  async #removeDamaged(job: HttpSource): Promise<void> {
    const digest = this.#options.cache.get(job.path, await this.#fingerprint(job.path));
    if (digest !== job.sha256) await rm(job.path, { force: true });
  }
}
