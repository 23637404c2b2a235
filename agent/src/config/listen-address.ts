import { isIPv6 } from 'node:net';

interface ListenAddress {
  /** Without brackets; '' stands for every interface. */
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`, `[v6]:port` or `:port`. The text must have passed the schema. */
export const parseListenAddress = (text: string): ListenAddress => {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
};

/** `host:port` with brackets around IPv6. */
export const formatListenAddress = ({ host, port }: ListenAddress): string =>
  `${isIPv6(host) ? `[${host}]` : host}:${port}`;

/** Whether this host means every interface of the machine. */
export const isWildcardHost = (host: string): boolean => host === '' || /^(0(\.0){0,3}|[:0]+)$/.test(host);

/** Whether an IP address belongs to the loopback interface. */
const isLoopbackAddress = (address: string): boolean => {
  const v4 = address.toLowerCase().replace(/^(0*:)*:?ffff:/, '');
  if (/^127(\.\d{1,3}){3}$/.test(v4)) return true;
  return isIPv6(address) && /^[0:]*:0*1$/.test(address);
};

/** Whether only this machine can reach a listener on this host, as far as that is known without asking DNS. */
export const isLoopbackHost = (host: string): boolean =>
  host.toLowerCase() === 'localhost' || isLoopbackAddress(host);

/** Resolves a host name to its addresses. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Who can reach a listener on this host: only this machine, the network, or nobody because it has no address. */
export const hostScope = async (
  host: string,
  lookup: Lookup,
): Promise<'loopback' | 'network' | 'unresolved'> => {
  if (isWildcardHost(host)) return 'network';
  if (isLoopbackAddress(host)) return 'loopback';
  if (/^[\d.]+$/.test(host) || isIPv6(host)) return 'network';
  const addresses = await lookup(host).catch(() => []);
  if (addresses.length === 0) return 'unresolved';
  return addresses.every(isLoopbackAddress) ? 'loopback' : 'network';
};
