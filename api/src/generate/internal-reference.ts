import { internalPaths, agentIdentity, operatorIdentity } from '../names.ts';
import { ports } from '../ports.ts';
import { AgentStatus, ModelChunks, ModelShow } from '../wire/agent-status.ts';
import {
  Admission,
  AdmissionRequest,
  BootstrapRequest,
  ConsensusStatus,
  MemberRequest,
} from '../wire/consensus.ts';
import { DesiredState } from '../wire/desired-state.ts';
import { InferenceEvent, InferenceRequest } from '../wire/inference.ts';
import { fieldTable } from './field-table.ts';
import { code, page, table } from './markdown.ts';
import { toJsonSchema } from '../openapi/schema-text.ts';

const intro = `Agents talk to each other, and the operator to agents, over port ${ports.internal}: HTTP/1.1 in mutual TLS 1.3. It is
not for clients and may change with any version; all agents of a cluster run the same one, or two neighbouring ones
during an update.

The URI name in the client certificate says who calls: \`${agentIdentity('CLUSTER', 'ID')}\` or
\`${operatorIdentity('CLUSTER')}\`. Certificates of another authority fail in the handshake, those of another cluster
are answered 403. Errors are \`{"code", "message", "param"?, "retryAfterSeconds"?}\` with the status of the
[error catalogue](errors.md).`;

const operations = [
  ['GET', internalPaths.status, 'agents, operator', 'What the agent says of itself; polled by its peers'],
  ['GET', internalPaths.desiredState, 'agents, operator', 'The desired state the agent has'],
  [
    'PUT',
    internalPaths.desiredState,
    'operator',
    'Gives the desired state as a whole; an older revision is refused with stale_revision, an equal one changes nothing',
  ],
  [
    'POST',
    internalPaths.inference,
    'agents, operator',
    'Runs a request on the runners of this very agent; the answer is a stream of JSON lines, one event each',
  ],
  [
    'GET',
    `${internalPaths.show}?verbose=true`,
    'agents, operator',
    'Facts about a model whose file the agent has',
  ],
  [
    'POST',
    internalPaths.bootstrap,
    'operator',
    'Begins a new group with this agent as its only member; the same call twice changes nothing',
  ],
  [
    'POST',
    internalPaths.members,
    'agents, for themselves',
    'Asks for membership, or whether it still holds; answered once it is agreed',
  ],
  [
    'POST',
    internalPaths.remove,
    'operator',
    'Takes a member out of the group; answered once it is out. unsafe_change when that could cost the majority',
  ],
  [
    'POST',
    internalPaths.leave,
    'agents, operator',
    'Has this agent leave the group and stay out until it is started again; answered once it is out',
  ],
  ['POST', internalPaths.transfer, 'operator', 'Has another member lead; answered once somebody else leads'],
] as const;

/** `docs/reference/internal-api.md`: the wire between agents and from the operator. */
export const internalReference = (): string =>
  page('Internal API', '`api/src/wire/` and `api/src/names.ts`', [
    intro,
    table(
      ['Method', 'Path', 'Who', 'What'],
      operations.map(([method, path, who, what]) => [method, code(path), who, what]),
    ),
    '## Agent status',
    `Answer of ${code(`GET ${internalPaths.status}`)}.`,
    fieldTable(toJsonSchema(AgentStatus)),
    '## Desired state',
    `Body of ${code(`PUT ${internalPaths.desiredState}`)}, answer of both methods.`,
    fieldTable(toJsonSchema(DesiredState)),
    '## Consensus',
    `Part \`consensus\` of the agent's status, and answer of ${code(`POST ${internalPaths.bootstrap}`)}, ${code(internalPaths.remove)}, ${code(internalPaths.leave)} and ${code(internalPaths.transfer)}.`,
    fieldTable(toJsonSchema(ConsensusStatus)),
    `Body of ${code(`POST ${internalPaths.bootstrap}`)}.`,
    fieldTable(toJsonSchema(BootstrapRequest)),
    `Body of ${code(`POST ${internalPaths.members}`)}, and its answer.`,
    fieldTable(toJsonSchema(AdmissionRequest)),
    fieldTable(toJsonSchema(Admission)),
    `Body of ${code(`POST ${internalPaths.remove}`)} and ${code(internalPaths.transfer)}; that of ${code(internalPaths.leave)} is empty.`,
    fieldTable(toJsonSchema(MemberRequest)),
    '## Inference request',
    `Body of ${code(`POST ${internalPaths.inference}`)}.`,
    fieldTable(toJsonSchema(InferenceRequest)),
    '## Inference events',
    'Lines of the answer: any number of text and tool_calls, then exactly one done or error. Durations are nanoseconds.',
    fieldTable(toJsonSchema(InferenceEvent)),
    '## Model chunks',
    `Answer of ${code(`GET ${internalPaths.chunks}`)}.`,
    fieldTable(toJsonSchema(ModelChunks)),
    '## Model show',
    `Answer of ${code(`GET ${internalPaths.show}`)}.`,
    fieldTable(toJsonSchema(ModelShow)),
  ]);
