/** What a member answers when it is asked. */
export interface MemberFigures {
  readonly role: string;
  readonly lead: number;
  readonly voters: number;
  readonly learners: number;
  readonly applied: number;
  readonly rss: number;
  /** As it was with all code loaded, before there was a member. */
  readonly bareRss: number;
  readonly cpuMicros: number;
  readonly syncs: number;
}

/** What a load has measured; latencies in milliseconds. */
export interface LoadFigures {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** What a member of the bench is started with. */
export interface MemberPlan {
  readonly id: number;
  /** How many of the ports belong to members. */
  readonly members: number;
  /** First of its ports: one for Raft and one for clients per member. */
  readonly ports: readonly number[];
  readonly folder: string;
  /** Its disk is new. */
  readonly create: boolean;
  readonly certificates: string;
}

/** All members, from the ports that were set aside for them: Raft's and the clients', in turn. */
export const membersOf = (
  ports: readonly number[],
): { node: number; agent: string; incarnation: string; host: string; port: number; clientPort: number }[] =>
  Array.from({ length: Math.floor(ports.length / 2) }, (_, at) => ({
    node: at + 1,
    agent: `member-${at + 1}`,
    incarnation: `bench-${at + 1}`,
    host: '127.0.0.1',
    port: ports[2 * at] ?? 0,
    clientPort: ports[2 * at + 1] ?? 0,
  }));
