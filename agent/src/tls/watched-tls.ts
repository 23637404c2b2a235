import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { agentIdentity, ApiError, type NodeConfig } from '@ollamamax/api';
import { sleep, type Component, type Logger, type TlsMaterial } from '@ollamamax/common';
import { FileWatch } from '../file-watch.ts';
import { parseCertificate, tlsProblem } from './tls-problem.ts';

/** What a certificate is for: clients, or the internal API and the way to peers. */
export type CertificateUse = 'api' | 'internal';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile?: string;
}

export interface WatchedTlsOptions {
  readonly use: CertificateUse;
  readonly files: TlsFiles;
  /** URI name that the certificate must have. */
  readonly identity?: string;
  readonly logger: Logger;
  readonly pollMs?: number;
}

/** Makes connections with certificates. */
export interface TlsUser {
  /** From now on for new connections; those that are there go on with theirs. */
  renew(material: TlsMaterial): void;
}

/** Time for whoever writes the files one after the other to come to an end. */
const settleMs = 1000;

const readAll = async ({ certFile, keyFile, caFile }: TlsFiles): Promise<TlsMaterial> => {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    caFile === undefined ? undefined : readFile(caFile),
  ]);
  return { cert, key, ...(ca === undefined ? {} : { ca }) };
};

const hashOf = ({ cert, key, ca }: TlsMaterial): string =>
  createHash('sha256')
    .update(JSON.stringify([cert, key, ca ?? ''].map((part) => part.toString())))
    .digest('hex');

interface Found {
  readonly hash: string;
  readonly material?: TlsMaterial;
  readonly problem?: string;
}

/**
 * A certificate, its key and its authorities, kept current while their files change. What cannot be used changes
 * nothing: the last good ones stay and the log says why, once.
 */
export class WatchedTls implements Component {
  readonly name: string;
  readonly use: CertificateUse;
  readonly #options: WatchedTlsOptions;
  readonly #watch: FileWatch;
  readonly #users = new Set<TlsUser>();
  readonly #stopped = new AbortController();
  #material: TlsMaterial;
  #hash: string;
  #refusedHash = '';

  private constructor(options: WatchedTlsOptions, material: TlsMaterial) {
    const { use, files, logger, pollMs } = options;
    this.name = `certificate ${use}`;
    this.use = use;
    this.#options = options;
    this.#material = material;
    this.#hash = hashOf(material);
    this.#watch = new FileWatch({
      what: `The certificate for ${use}`,
      files: [files.certFile, files.keyFile, ...(files.caFile === undefined ? [] : [files.caFile])],
      reload: () => this.#reload(),
      logger,
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  }

  /** @throws ApiError config_invalid when the files cannot be used */
  static async open(options: WatchedTlsOptions): Promise<WatchedTls> {
    const { use, files, identity } = options;
    const material = await readAll(files);
    const problem = tlsProblem(material, identity);
    if (problem !== undefined)
      throw new ApiError(
        'config_invalid',
        `The certificate for ${use}, ${files.certFile}, cannot be used: ${problem}.`,
      );
    return new WatchedTls(options, material);
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** When the certificate ends. */
  get expiresAt(): Date {
    return parseCertificate(this.#material.cert)?.validToDate ?? new Date(0);
  }

  /** They are given new certificates once these are known to be good. */
  usedBy(...users: readonly (TlsUser | undefined)[]): void {
    for (const user of users) if (user !== undefined) this.#users.add(user);
  }

  start(): Promise<void> {
    this.#watch.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watch.stop();
  }

  async #look(): Promise<Found> {
    try {
      const material = await readAll(this.#options.files);
      const problem = tlsProblem(material, this.#options.identity);
      return { hash: hashOf(material), material, ...(problem === undefined ? {} : { problem }) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return { hash: 'unreadable', problem: `a file cannot be read (${code ?? 'unknown error'})` };
    }
  }

  async #reload(): Promise<void> {
    const { use, logger } = this.#options;
    let found = await this.#look();
    if (found.problem !== undefined && found.hash !== this.#refusedHash) {
      // Read in the middle of a change, one file may be old and another new.
      await sleep(settleMs, this.#stopped.signal).catch(() => undefined);
      if (this.#stopped.signal.aborted) return;
      found = await this.#look();
    }
    if (found.hash === this.#hash) {
      this.#refusedHash = '';
      return;
    }
    if (found.problem !== undefined || found.material === undefined) {
      if (found.hash === this.#refusedHash) return;
      this.#refusedHash = found.hash;
      logger.warn('A new certificate cannot be used; the old one stays.', { use, reason: found.problem });
      return;
    }
    this.#refusedHash = '';
    this.#hash = found.hash;
    this.#material = found.material;
    for (const user of this.#users) {
      try {
        user.renew(found.material);
      } catch (error) {
        logger.error('A new certificate could not be taken over.', { use, error });
      }
    }
    logger.info('A new certificate is in use.', { use, until: this.expiresAt.toISOString() });
  }
}

/**
 * The certificates that the configuration names.
 * @throws ApiError config_invalid when they cannot be used, or name another agent
 */
export const openCertificates = async (
  { tls, internalTls, cluster, node }: NodeConfig,
  logger: Logger,
): Promise<Readonly<Record<CertificateUse, WatchedTls | undefined>>> => {
  const { certFile, keyFile } = tls;
  const log = logger.child({ component: 'certificates' });
  const [api, internal] = await Promise.all([
    certFile === undefined || keyFile === undefined
      ? undefined
      : WatchedTls.open({ use: 'api', files: { certFile, keyFile }, logger: log }),
    internalTls === undefined
      ? undefined
      : WatchedTls.open({
          use: 'internal',
          files: internalTls,
          identity: agentIdentity(cluster.name, node.id),
          logger: log,
        }),
  ]);
  return { api, internal };
};
