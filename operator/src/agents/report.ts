import type { AgentStatus, DesiredState } from '@ollamamax/api';
import type { TlsMaterial } from '@ollamamax/common';
import type { AgentAddress } from './agent-client.ts';

/** What is known of one agent. */
export interface AgentReport {
  readonly name: string;
  /** Its newest answer; kept while it does not answer. */
  readonly status: AgentStatus | undefined;
  /** Why it does not answer, or refuses what it was given; undefined when all is well. */
  readonly problem: { readonly kind: 'unreachable' | 'refused'; readonly message: string } | undefined;
  /** Milliseconds since it last answered, or since it was first asked. */
  readonly silentMs: number;
  /** Its status is what it answered when it was asked last. */
  readonly fresh: boolean;
}

/** The agents of a cluster and what they are to bring about. */
export interface Watched {
  /** Name of the cluster in certificates. */
  readonly cluster: string;
  readonly tls: TlsMaterial;
  readonly agents: readonly AgentAddress[];
  /** Undefined: only look. */
  readonly wanted: DesiredState | undefined;
  /** Group whose members are given it; undefined: whoever is a member. */
  readonly clusterId?: string | undefined;
  /** Something is about to be decided by what agents say: they are asked often. */
  readonly hurry?: boolean;
}
