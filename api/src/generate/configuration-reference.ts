import { NodeConfig } from '../config.ts';
import { code, fence, page, table } from './markdown.ts';
import { fieldsOf, isGroup, toJsonSchema, typeText, type JsonSchema } from '../openapi/schema-text.ts';

const intro = `An agent reads \`node.yaml\` and then the environment, which wins. Without a file every default applies. The
file may use \`\${VAR}\` and \`\${VAR:-default}\` inside values. All problems are reported at once, each with its place;
unknown settings are problems too.`;

const exampleConfiguration = `node:
  id: agent-1
cluster:
  name: lab
  peers:
    - { id: agent-2, address: 10.0.0.2:9443 }
    - { id: agent-3, address: 10.0.0.3:9443 }
listen:
  api: 0.0.0.0:8080
internalTls:
  caFile: /etc/ollamamax/ca.pem
  certFile: /etc/ollamamax/agent.pem
  keyFile: /etc/ollamamax/agent.key
auth:
  enabled: true
  usersFile: /etc/ollamamax/users.yaml
  jwtSecret: \${OLLAMA_JWT_SECRET}
storage:
  dataDir: /var/lib/ollamamax
models:
  - name: tiny
    source: { http: https://models.example.com/tiny.gguf }
    sha256: 5f1c3be87a90d24e6b0c9d18f7a2e35b4c6d80917e2fa3b15d4c8e09f6a7b213
    replicas: 2
settings:
  keepAliveSeconds: 600`;

const defaultText = ({ default: value }: JsonSchema): string =>
  value === undefined || JSON.stringify(value) === '{}' ? '' : code(JSON.stringify(value));

/** `docs/reference/configuration.md`: every setting of `node.yaml`. */
export const configurationReference = (): string => {
  const fields = fieldsOf(toJsonSchema(NodeConfig)).filter(({ schema }) => !isGroup(schema));
  const groups = [...new Set(fields.map(({ path }) => path.split(/[.[]/)[0] ?? path))];
  const variables = fields.filter(({ schema }) => schema['x-env'] !== undefined);
  return page('Configuration', '`api/src/config.ts`', [
    intro,
    '## Example',
    fence('yaml', exampleConfiguration),
    ...groups.flatMap((group) => [
      `## ${group}`,
      table(
        ['Setting', 'Type and bounds', 'Default', 'Environment', 'Description'],
        fields
          .filter(({ path }) => path.split(/[.[]/)[0] === group)
          .map(({ path, schema, required }) => [
            code(path),
            typeText(schema) + (required && schema.default === undefined ? ' (required)' : ''),
            defaultText(schema),
            schema['x-env'] === undefined ? '' : code(schema['x-env']),
            schema.description ?? '',
          ]),
      ),
    ]),
    '## Environment variables',
    table(
      ['Variable', 'Setting'],
      variables.map(({ path, schema }) => [code(schema['x-env'] ?? ''), code(path)]),
    ),
  ]);
};
