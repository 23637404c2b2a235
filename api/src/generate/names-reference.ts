import { agentIdentity, headers, ollamaApiVersion, operatorIdentity, roles, version } from '../names.ts';
import { ports, type PortName } from '../ports.ts';
import { code, page, table } from './markdown.ts';

const purposes: Readonly<Record<PortName, string>> = {
  api: 'Ollama, OpenAI and REST APIs, WebSocket',
  dashboard: 'Dashboard, and the same APIs for its page',
  p2p: 'libp2p; reserved, nothing listens there in this version',
  modelBytes: 'Model bytes between agents; reserved, nothing listens there in this version',
  raft: 'Raft; reserved, nothing listens there in this version',
  metrics: 'Prometheus metrics and probes',
  internal: 'Internal API between agents and from the operator: mutual TLS 1.3, HTTP/1.1',
};

/** `docs/reference/ports-and-names.md`. */
export const namesReference = (): string =>
  page('Ports and names', '`api/src/ports.ts` and `api/src/names.ts`', [
    '## Ports',
    table(
      ['Name', 'TCP port', 'What'],
      (Object.entries(ports) as [PortName, number][]).map(([name, port]) => [
        code(name),
        String(port),
        purposes[name],
      ]),
    ),
    '## Headers',
    table(
      ['Header', 'What'],
      [
        [
          code(headers.requestId),
          'Id of the request: taken over from the client when it is 1 to 64 letters, digits, `.`, `_` or `-`, else made; in every answer, log line and error',
        ],
        [code(headers.servedBy), 'Agent whose runner did the work'],
      ],
    ),
    '## Roles',
    `From least to most: ${roles.toReversed().map(code).join(', ')}. A route asks for a least role.`,
    '## Certificates',
    table(
      ['Who', 'URI subject alternative name'],
      [
        ['an agent', code(agentIdentity('CLUSTER', 'ID'))],
        ['the operator', code(operatorIdentity('CLUSTER'))],
      ],
    ),
    '## Versions',
    table(
      ['What', 'Version'],
      [
        ['OllamaMax', code(version)],
        ['Ollama API', code(ollamaApiVersion)],
      ],
    ),
  ]);
