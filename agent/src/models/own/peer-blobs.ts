import type { IncomingMessage } from 'node:http';
import {
  ApiError,
  fromWireError,
  internalPaths,
  isApiError,
  type ManageEvent,
  type ManageRequest,
  type ProgressResponse,
} from '@ollamamax/api';
import { LineSplitter } from '../../p2p/ndjson-lines.ts';
import type { AskPeers, Peers } from '../../p2p/peers.ts';

/** Peers, and how to ask them. */
export type OwnModelPeers = Pick<Peers, 'list'> & AskPeers;

/** Milliseconds a peer may take to say whether it has a blob. */
const askMs = 5000;
const maxLineBytes = 1024 * 1024;

const blobPath = (digest: string, only = ''): string =>
  `${internalPaths.blob}?digest=${encodeURIComponent(digest)}${only}`;

/** Agents that answer and have a blob. */
export const peersWithBlob = async (
  peers: OwnModelPeers,
  digest: string,
  signal: AbortSignal,
): Promise<string[]> => {
  const within = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
  const online = peers.list().filter((peer) => peer.online);
  const answers = await Promise.all(
    online.map(async ({ id }) => {
      try {
        const answer = await peers.ask(id, { method: 'GET', path: blobPath(digest, '&only=size') }, within);
        answer.resume();
        return [id];
      } catch {
        // One that has it not, is of another version or went away: another one may have it.
        return [];
      }
    }),
  );
  return answers.flat();
};

/** The bytes of a blob of a peer. @throws ApiError blob_not_found, agent_unreachable */
export const openPeerBlob = (
  peers: OwnModelPeers,
  peer: string,
  digest: string,
  signal: AbortSignal,
): Promise<IncomingMessage> => peers.ask(peer, { method: 'GET', path: blobPath(digest) }, signal);

/**
 * Has another agent do the work and yields its progress.
 * @throws ApiError the peer's own, agent_unreachable, what `signal` was aborted with
 */
export async function* manageAtPeer(
  peers: OwnModelPeers,
  peer: string,
  request: ManageRequest,
  signal: AbortSignal,
): AsyncGenerator<ProgressResponse> {
  const answer = await peers.ask(
    peer,
    { method: 'POST', path: internalPaths.ownModels, body: request },
    signal,
  );
  const lines = new LineSplitter(maxLineBytes);
  try {
    for await (const chunk of answer)
      for (const line of lines.push(chunk as Buffer)) {
        const event = JSON.parse(line) as ManageEvent;
        if (event.type === 'error') throw fromWireError(event.error);
        if (event.type === 'done') return;
        yield event.progress;
      }
    throw new Error('the answer ended early');
  } catch (error) {
    if (signal.aborted) throw isApiError(signal.reason) ? signal.reason : new ApiError('cancelled');
    if (isApiError(error)) throw error;
    throw new ApiError('agent_unreachable', `Agent ${peer} went away: ${String(error)}.`, { cause: error });
  } finally {
    answer.destroy();
  }
}
