import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import {
  ApiError,
  agentIdentity,
  fromWireError,
  internalPaths,
  isErrorCode,
  type AgentStatus,
  type DesiredState,
} from '@ollamamax/api';
import { expectIdentity, secureContextOptions } from '@ollamamax/common';
import type { ClusterCredentials } from './credentials.ts';

const timeoutMs = 10_000;
/** An agent that leaves waits until the others have agreed to it. */
const leaveTimeoutMs = 30_000;
const maxAnswerBytes = 16 * 1024 * 1024;

/** Speaks to the internal API of the agents as the operator of this cluster. */
export interface InternalClient {
  /** @throws ApiError agent_unreachable, or what the agent answered */
  status(id: string, port: number): Promise<AgentStatus>;
  /** Has the agent begin a group. @throws ApiError agent_unreachable, already_member of another one */
  bootstrap(id: string, port: number, clusterId: string): Promise<void>;
  /** Has the agent leave its group. @throws ApiError agent_unreachable, unsafe_change, no_leader, deadline_exceeded */
  leave(id: string, port: number): Promise<void>;
  /** @throws ApiError agent_unreachable, stale_revision, or what the agent answered */
  push(id: string, port: number, state: DesiredState): Promise<void>;
  close(): void;
}

/** An error body in any of our shapes: RFC 9457 with `code`, or `{error: {code, message}}`. */
const errorFrom = (id: string, status: number, text: string): ApiError => {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const inner = (typeof body.error === 'object' ? body.error : body) as Record<string, unknown>;
    const { code } = inner;
    const message = inner.message ?? inner.detail ?? inner.title;
    if (isErrorCode(code))
      return fromWireError({ code, message: `${id}: ${typeof message === 'string' ? message : code}` });
  } catch {
    // Not one of ours.
  }
  return new ApiError('agent_unreachable', `${id} answered with status ${status} on its internal port.`);
};

export const createInternalClient = async (
  cluster: string,
  credentials: ClusterCredentials,
): Promise<InternalClient> => {
  const material = {
    ca: await readFile(credentials.caFile, 'utf8'),
    cert: await readFile(credentials.operator.certFile, 'utf8'),
    key: await readFile(credentials.operator.keyFile, 'utf8'),
  };
  const agents = new Map<string, Agent>();
  const agentFor = (id: string): Agent => {
    const known = agents.get(id);
    if (known !== undefined) return known;
    const made = new Agent({
      keepAlive: true,
      maxSockets: 2,
      ...secureContextOptions(material),
      checkServerIdentity: expectIdentity((identity) => identity === agentIdentity(cluster, id)),
    });
    agents.set(id, made);
    return made;
  };
  const call = (
    id: string,
    port: number,
    method: string,
    path: string,
    body?: unknown,
    patienceMs = timeoutMs,
  ): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fail = (error: Error): void =>
        reject(
          new ApiError(
            'agent_unreachable',
            `${id} does not answer on its internal port ${port}: ${error.message}`,
            {
              cause: error,
            },
          ),
        );
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          method,
          path,
          agent: agentFor(id),
          signal: AbortSignal.timeout(patienceMs),
          headers:
            payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('error', fail);
          response.on('data', (chunk: string) => {
            text += chunk;
            if (text.length > maxAnswerBytes) response.destroy(new Error('its answer is too long'));
          });
          response.on('end', () => {
            const status = response.statusCode ?? 0;
            if (status < 200 || status > 299) {
              reject(errorFrom(id, status, text));
              return;
            }
            try {
              resolve(text === '' ? undefined : JSON.parse(text));
            } catch (error) {
              fail(error as Error);
            }
          });
        },
      );
      sent.on('error', fail);
      sent.end(payload);
    });
  return {
    status: async (id, port) => (await call(id, port, 'GET', internalPaths.status)) as AgentStatus,
    bootstrap: async (id, port, clusterId) => {
      await call(id, port, 'POST', internalPaths.bootstrap, { clusterId });
    },
    leave: async (id, port) => {
      await call(id, port, 'POST', internalPaths.leave, {}, leaveTimeoutMs);
    },
    push: async (id, port, state) => {
      await call(id, port, 'PUT', internalPaths.desiredState, state);
    },
    close: () => {
      for (const agent of agents.values()) agent.destroy();
    },
  };
};
