import { Resolver, lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ports } from '@ollamamax/api';

/** Where another agent may be. */
export interface PeerAddress {
  /** host:port, as written or resolved; IPv6 in brackets. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Known beforehand for configured peers; otherwise its certificate says. */
  readonly id?: string;
}

/** Finds the addresses of agents, the own one possibly among them. */
export type Discovery = (signal: AbortSignal) => Promise<readonly PeerAddress[]>;

/** Splits host:port; the port of the internal API when there is none. IPv6 needs its brackets. */
export const parsePeerAddress = (text: string): PeerAddress => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  const number = port === undefined ? ports.internal : Number(port);
  return { host, port: number, address: isIP(host) === 6 ? `[${host}]:${number}` : `${host}:${number}` };
};

/** The peers that the configuration names. */
export const staticDiscovery = (
  peers: readonly { readonly id: string; readonly address: string }[],
): Discovery => {
  const addresses = peers.map((peer) => ({ ...parsePeerAddress(peer.address), id: peer.id }));
  return () => Promise.resolve(addresses);
};

/** Looks one record type up; "no such name" and "no such record" mean none. */
const addressesOf = async (look: () => Promise<string[]>): Promise<string[]> => {
  try {
    return await look();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw error;
  }
};

/**
 * All addresses (A and AAAA) of a headless name, with an optional port. Each question has two seconds and two tries.
 * A name that DNS itself does not know is looked up as the system does, with its search list; so is one about which
 * the name server fails, as that of a Kubernetes without a way out does for every name that is not its own.
 * @throws the resolver's error when no way gives an answer
 */
export const dnsDiscovery = (name: string, servers?: readonly string[]): Discovery => {
  const { host, port } = parsePeerAddress(name);
  return async (signal) => {
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([
        addressesOf(() => resolver.resolve4(host)),
        addressesOf(() => resolver.resolve6(host)),
      ]);
      const direct = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      const failed = answers.find((answer) => answer.status === 'rejected');
      const askSystem = servers === undefined || failed !== undefined;
      const bySystem = direct.length === 0 && askSystem && !signal.aborted;
      const known = bySystem
        ? await addressesOf(async () => (await lookup(host, { all: true })).map((entry) => entry.address))
        : direct;
      if (known.length === 0 && failed !== undefined) throw failed.reason;
      return [...new Set(known)].map((ip) => ({
        host: ip,
        port,
        address: isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`,
      }));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
};
