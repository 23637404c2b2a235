import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** A request that changed something or tried to. */
export interface AuditedWrite {
  readonly user: string;
  readonly verb: string;
  /** As in a path: `pods`, `deployments/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** Every write once, when it is answered; reads are not worth a line. */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'None', verbs: ['get', 'list', 'watch'] }, { level: 'Metadata' }],
};

export function writeAuditPolicy(path: string): void {
  writeFileSync(path, JSON.stringify(policy, null, 2));
}

/** The writes so far, oldest first. */
export function readAuditLog(path: string): readonly AuditedWrite[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { user, verb, objectRef = {}, responseStatus } = JSON.parse(line) as AuditEvent;
      const { resource = '', subresource, namespace = '', name = '' } = objectRef;
      return {
        user: user.username,
        verb,
        resource: subresource === undefined ? resource : `${resource}/${subresource}`,
        namespace,
        name,
        status: responseStatus?.code ?? 0,
      };
    });
}
