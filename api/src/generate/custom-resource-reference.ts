import { kinds } from '../kubernetes/custom-resource-definitions.ts';
import { annotations, apiVersion, labels } from '../kubernetes/names.ts';
import type { Rule } from '../kubernetes/schema.ts';
import { fieldTable } from './field-table.ts';
import { code, fence, page, table } from './markdown.ts';
import type { JsonSchema } from '../openapi/schema-text.ts';

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** Rules of a schema and everything below it, with the path of the object they are on. */
const rulesOf = (schema: SchemaNode, path: string): { readonly path: string; readonly rule: Rule }[] => [
  ...(schema['x-kubernetes-validations'] ?? []).map((rule) => ({ path, rule })),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => rulesOf(child, `${path}.${name}`)),
  ...(schema.items === undefined ? [] : rulesOf(schema.items, `${path}[]`)),
  ...(schema.additionalProperties === undefined ? [] : rulesOf(schema.additionalProperties, `${path}.*`)),
];

/** A row for each message: the same rule may hold in many places. */
const ruleRows = (rules: readonly { readonly path: string; readonly rule: Rule }[]): string[][] =>
  [...Map.groupBy(rules, ({ rule }) => rule.message)].map(([message, places]) => [
    places.map(({ path }) => path).join(', '),
    message,
  ]);

const minimal = {
  cluster: `apiVersion: ${apiVersion}\nkind: OllamaCluster\nmetadata:\n  name: demo\nspec: {}`,
  model: `apiVersion: ${apiVersion}\nkind: OllamaModel\nmetadata: { name: ollamamax-tiny }\nspec:\n  clusterRef: { name: demo }\n  source: { file: { path: /app/models/ollamamax-tiny-q8_0.gguf } }`,
} as const;

/** `docs/reference/custom-resources.md`: every field of both kinds. */
export const customResourceReference = (): string =>
  page('Custom resources', '`api/src/kubernetes/`', [
    'The API server fills in defaults, checks types and bounds and the rules below, and says what is wrong in the answer to `kubectl apply`. `kubectl explain ollamacluster.spec` shows the same texts.',
    ...Object.entries(kinds).flatMap(([id, kind]) => [
      `## ${kind.kind}`,
      `${kind.description} Short name ${code(kind.shortName)}, group and version ${code(apiVersion)}.`,
      fence('yaml', minimal[id as keyof typeof minimal]),
      `### ${kind.kind}: spec`,
      fieldTable(kind.spec as unknown as JsonSchema),
      `### ${kind.kind}: rules`,
      table(
        ['On', 'What the user is told when it is broken'],
        ruleRows([
          ...kind.rules.map((rule) => ({ path: 'the object', rule })),
          ...rulesOf(kind.spec as unknown as SchemaNode, 'spec').map(({ path, rule }) => ({
            path: code(path),
            rule,
          })),
        ]),
      ),
      `### ${kind.kind}: status`,
      fieldTable(kind.status as unknown as JsonSchema),
    ]),
    '## Annotations',
    table(
      ['Annotation', 'What it does'],
      [
        [code(annotations.paused), '`"true"`: the operator changes nothing but the condition Paused.'],
        [code(annotations.restart), 'Any new value restarts the agents of an OllamaCluster one by one.'],
        [
          code(annotations.skipFinalizer),
          '`"true"`: a deletion does not wait until agents have let go of the model.',
        ],
      ],
    ),
    '## Labels of what the operator makes',
    table(
      ['Label', 'Value'],
      [
        [code(labels.name), '`ollamamax`'],
        [code(labels.instance), 'name of the OllamaCluster'],
        [code(labels.component), '`agent`'],
        [code(labels.managedBy), '`ollamamax-operator`'],
        [code(labels.cluster), 'name of the OllamaCluster'],
      ],
    ),
  ]);
