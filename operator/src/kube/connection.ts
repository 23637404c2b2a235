import { isDeepStrictEqual } from 'node:util';
import type { Clock } from './clock.ts';

/** What a connection is secured with; PEM texts. */
export interface TlsSettings {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized: boolean;
}

/** An API server with the credentials that are valid now. */
export interface KubeConnection {
  readonly server: string;
  /** Namespace of the service account or of the context. */
  readonly namespace: string | undefined;
  /** The same object until something in it changes. */
  readonly tls: TlsSettings;
  /** Value of the Authorization header; read anew every few seconds, since files behind it change. */
  authorization(): Promise<string | undefined>;
  /** Reads the credentials again, after the server refused these. True when there are others to try. */
  refresh(refused: string | undefined): Promise<boolean>;
}

export interface Credentials {
  readonly tls: TlsSettings;
  readonly authorization: string | undefined;
}

/** How long credentials are used before their files are read again. Tokens rotate minutes before they expire. */
const trustedForMs = 10_000;

export interface RereadOptions {
  readonly server: string;
  readonly namespace: string | undefined;
  /** `fresh` means that caches behind it must not be used. */
  readonly read: (fresh: boolean) => Promise<Credentials>;
  readonly clock: Clock;
}

/**
 * A connection whose credentials are read again while it is used.
 * @throws what the first read throws
 */
export const openConnection = async (options: RereadOptions): Promise<KubeConnection> => {
  const { server, namespace, read, clock } = options;
  let current = await read(true);
  let readAt = clock.monotonic();
  let reading: Promise<void> | undefined;

  const reread = async (fresh: boolean): Promise<void> => {
    try {
      const next = await read(fresh);
      const tls = isDeepStrictEqual(next.tls, current.tls) ? current.tls : next.tls;
      current = { tls, authorization: next.authorization };
    } catch {
      // In the middle of a rotation: what was read last may still be good, and the server says so if not.
    }
    readAt = clock.monotonic();
  };
  const once = (fresh: boolean): Promise<void> =>
    (reading ??= reread(fresh).finally(() => {
      reading = undefined;
    }));

  return {
    server,
    namespace,
    get tls() {
      return current.tls;
    },
    authorization: async () => {
      if (clock.monotonic() - readAt >= trustedForMs) await once(false);
      return current.authorization;
    },
    refresh: async (refused) => {
      const { tls } = current;
      if (current.authorization !== refused) return true;
      await once(true);
      return current.authorization !== refused || current.tls !== tls;
    },
  };
};
