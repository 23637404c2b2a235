import { connect, type SecureContext } from 'node:tls';
import { expectIdentity } from '@ollamamax/common/tls';
import { readIdentity } from '../../internal-api/identity.ts';
import { FrameError } from '../codec/frame-error.ts';
import type { FrameKind } from '../codec/frame.ts';
import { decodeHello, decodeRefusal, encodeHello, type Channel, type Refusal } from '../codec/hello-codec.ts';
import { helloOf, refusalOf, type Self } from './admission.ts';
import { Link, type LinkContext, type LinkEvents } from './link.ts';
import type { Peer } from './transport.ts';

/** Told in the TLS handshake, so that nothing else is taken for this protocol. */
export const applicationProtocol = 'ollamamax-raft';

const keepAliveProbeMs = 10_000;

/** Who dials, and with what. */
export interface Dialer extends LinkContext {
  readonly self: Self;
  /** Name of the cluster in its certificates. */
  readonly cluster: string;
  /** Asked for each new connection; the same one until certificates change. */
  readonly secureContext: () => SecureContext;
}

export interface DialEvents extends Omit<LinkEvents, 'onClosed'> {
  /** The peer is who it should be, and welcomes us. */
  readonly onOpen: (link: Link) => void;
  /** Once, whether it was open before or not. A refusal is what the peer told. */
  readonly onClosed: (reason: string, refusal: Refusal | undefined) => void;
}

/**
 * Connects to a member and greets it.
 * @param expected frames that may come once it is open
 * @returns ends the attempt, or cuts the connection
 */
export const dial = (
  dialer: Dialer,
  peer: Peer,
  channel: Channel,
  expected: readonly FrameKind[],
  events: DialEvents,
): ((reason: string) => void) => {
  const { self, cluster, limits } = dialer;
  let refusal: Refusal | undefined;
  let link: Link | undefined;
  let open = false;

  const socket = connect({
    host: peer.host,
    port: peer.port,
    secureContext: dialer.secureContext(),
    checkServerIdentity: expectIdentity((uri) => {
      const identity = readIdentity(cluster, uri);
      return identity?.kind === 'agent' && identity.id === peer.agent;
    }),
    // An address is no name to ask for; the identity in the certificate is what counts.
    servername: '',
    ALPNProtocols: [applicationProtocol],
  });
  let problem = 'the connection was closed';
  const cut = (reason: string): void => {
    problem = reason;
    if (link === undefined) socket.destroy();
    else link.destroy(reason);
  };
  const deadline = setTimeout(() => cut(`no connection within ${limits.connectMs} ms`), limits.connectMs);
  const onWelcome = (payload: Uint8Array): void => {
    const welcome = decodeHello(payload);
    const objection = refusalOf(self, welcome, peer.agent, peer);
    if (objection !== undefined || welcome.node !== peer.node)
      throw new FrameError(
        'protocol',
        `The welcome is not of the member that was called (${objection ?? 'node'}).`,
      );
    clearTimeout(deadline);
    open = true;
    link?.expect(expected);
    if (link !== undefined) events.onOpen(link);
  };
  const onFrame = (kind: FrameKind, payload: Uint8Array, owned: boolean): void => {
    if (open) events.onFrame(kind, payload, owned);
    else if (kind === 'welcome') onWelcome(payload);
    else if (kind === 'refusal') refusal = decodeRefusal(payload) ?? 'malformed';
  };
  const closed = (reason: string): void => {
    clearTimeout(deadline);
    events.onClosed(refusal === undefined ? reason : `it refused us: ${refusal}`, refusal);
  };

  const onEarlyError = (error: Error): void => {
    problem = error.message;
  };
  const onEarlyClose = (): void => closed(problem);
  socket.on('error', onEarlyError);
  socket.on('close', onEarlyClose);
  socket.once('secureConnect', () => {
    socket.off('error', onEarlyError);
    socket.off('close', onEarlyClose);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveProbeMs);
    link = new Link(socket, dialer, ['welcome', 'refusal', 'alive'], {
      onFrame,
      onClosed: closed,
      ...(events.onTurn === undefined ? {} : { onTurn: events.onTurn }),
      ...(events.onDrain === undefined ? {} : { onDrain: events.onDrain }),
    });
    link.send('hello', encodeHello(helloOf(self, channel, peer.node)));
  });
  return cut;
};
