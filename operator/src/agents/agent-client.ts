import { Agent, request } from 'node:https';
import { createSecureContext } from 'node:tls';
import {
  AgentStatus,
  ApiError,
  agentIdentity,
  compileValidator,
  describeProblems,
  fromWireError,
  internalPaths,
  isErrorCode,
  ports,
  type DesiredState,
} from '@ollamamax/api';
import { expectIdentity, secureContextOptions, type TlsMaterial } from '@ollamamax/common';

export interface AgentAddress {
  readonly name: string;
  readonly ip: string;
}

/** Something that one agent is asked to do about the members of its group. */
export type MemberCall =
  | { readonly kind: 'bootstrap'; readonly at: string; readonly clusterId: string }
  | { readonly kind: 'leave'; readonly at: string }
  /** `at`: any member, best the one that leads. */
  | { readonly kind: 'remove' | 'transfer'; readonly at: string; readonly agent: string };

/** Speaks to the internal API of the agents of one cluster, as its operator. */
export interface AgentClient {
  /** @throws ApiError agent_unreachable, or what the agent answered */
  status(agent: AgentAddress): Promise<AgentStatus>;
  /** @throws ApiError agent_unreachable, stale_revision, or what the agent answered */
  push(agent: AgentAddress, state: DesiredState): Promise<void>;
  /** @param agent the one that `call.at` names @throws ApiError agent_unreachable, or what the agent answered */
  ask(agent: AgentAddress, call: MemberCall): Promise<void>;
  close(): void;
}

const timeoutMs = 4000;
/** An agent answers once the members have agreed: it gives up by itself after 20 s. */
const memberCallMs = 30_000;
const maxAnswerBytes = 16 * 1024 * 1024;
const validateStatus = compileValidator(AgentStatus);

const refusal = (name: string, status: number, text: string): ApiError => {
  try {
    const { code, message } = JSON.parse(text) as { readonly code?: unknown; readonly message?: unknown };
    if (isErrorCode(code))
      return fromWireError({ code, message: `${name}: ${typeof message === 'string' ? message : code}` });
  } catch {
    // Not one of ours: told by its status.
  }
  return new ApiError('agent_unreachable', `${name} answered with HTTP status ${status}.`);
};

/** What is no JSON is no status either. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const bodyOf = (call: MemberCall): object => {
  if (call.kind === 'bootstrap') return { clusterId: call.clusterId };
  return call.kind === 'leave' ? {} : { agent: call.agent };
};

/** @param tls certificate of the operator and the authority of that cluster */
export const createAgentClient = (
  cluster: string,
  tls: TlsMaterial,
  port: number = ports.internal,
): AgentClient => {
  // Once: parsing certificates anew for each connection costs more than the handshake.
  const secureContext = createSecureContext(secureContextOptions(tls));
  const agents = new Map<string, Agent>();
  // One per agent: Node keeps no connection whose request brought a check of its own.
  const agentFor = (name: string): Agent => {
    const known = agents.get(name);
    if (known !== undefined) return known;
    const made = new Agent({
      keepAlive: true,
      maxSockets: 2,
      maxCachedSessions: 0,
      secureContext,
      checkServerIdentity: expectIdentity((identity) => identity === agentIdentity(cluster, name)),
    });
    agents.set(name, made);
    return made;
  };

  const call = (
    { name, ip }: AgentAddress,
    method: string,
    path: string,
    body?: unknown,
    withinMs = timeoutMs,
  ): Promise<string> =>
    new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(
          new ApiError('agent_unreachable', `${name} does not answer at ${ip}: ${error.message}.`, {
            cause: error,
          }),
        );
      };
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const sent = request({
        host: ip,
        port,
        servername: '',
        method,
        path,
        agent: agentFor(name),
        headers:
          payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': payload.length },
      });
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
      sent.once('close', () => clearTimeout(timer));
      sent.on('error', fail);
      sent.once('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('error', fail);
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxAnswerBytes) response.destroy(new Error('its answer is too long'));
          else chunks.push(chunk);
        });
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { statusCode = 0 } = response;
          if (statusCode === 200) resolve(text);
          else reject(refusal(name, statusCode, text));
        });
      });
      sent.end(payload);
    });

  return {
    status: async (agent) => {
      const result = validateStatus(parse(await call(agent, 'GET', internalPaths.status)));
      if (result.ok) return result.value;
      throw new ApiError(
        'agent_unreachable',
        `${agent.name} says what is not understood: ${describeProblems(result.problems.slice(0, 3))}.`,
      );
    },
    push: async (agent, state) => {
      await call(agent, 'PUT', internalPaths.desiredState, state);
    },
    ask: async (agent, asked) => {
      await call(agent, 'POST', internalPaths[asked.kind], bodyOf(asked), memberCallMs);
    },
    close: () => {
      for (const agent of agents.values()) agent.destroy();
    },
  };
};
