import type { TSchema } from 'typebox';
import { apiGroup, maxClusterNameLength } from './names.ts';
import { OllamaClusterSpec } from './ollama-cluster.ts';
import { OllamaClusterStatus } from './ollama-cluster-status.ts';
import { OllamaModelSpec, OllamaModelStatus } from './ollama-model.ts';
import { rules, type Rule } from './schema.ts';

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly description: string;
  readonly jsonPath: string;
  /** 1: shown by `-o wide` only. */
  readonly priority?: 1;
}

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: TSchema;
  readonly status: TSchema;
  readonly scale?: true;
  readonly rules: readonly Rule[];
  readonly columns: readonly PrinterColumn[];
}

const condition = (type: string): string => `.status.conditions[?(@.type=="${type}")]`;

const age: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since it was created.',
  jsonPath: '.metadata.creationTimestamp',
};

export const kinds = {
  cluster: {
    kind: 'OllamaCluster',
    plural: 'ollamaclusters',
    singular: 'ollamacluster',
    shortName: 'oc',
    description: 'A cluster of agents that serve language models.',
    spec: OllamaClusterSpec,
    status: OllamaClusterStatus,
    scale: true,
    rules: [
      {
        rule: `size(self.metadata.name) <= ${maxClusterNameLength}`,
        message: `the name of an OllamaCluster may have at most ${maxClusterNameLength} characters`,
      },
      {
        // That of a Service, which is called the same.
        rule: 'self.metadata.name.matches("^[a-z][-a-z0-9]*$")',
        message:
          'the name of an OllamaCluster must begin with a letter and have only lower-case letters, digits and "-"',
      },
    ],
    columns: [
      { name: 'Phase', type: 'string', description: 'The state in one word.', jsonPath: '.status.phase' },
      {
        name: 'Ready',
        type: 'integer',
        description: 'Agents that serve.',
        jsonPath: '.status.readyReplicas',
      },
      { name: 'Desired', type: 'integer', description: 'Agents asked for.', jsonPath: '.spec.replicas' },
      {
        name: 'Updated',
        type: 'integer',
        description: 'Agents of the newest template.',
        jsonPath: '.status.updatedReplicas',
        priority: 1,
      },
      {
        name: 'Models',
        type: 'integer',
        description: 'Models that are ready.',
        jsonPath: '.status.models.ready',
      },
      {
        name: 'Endpoint',
        type: 'string',
        description: 'URL that clients use.',
        jsonPath: '.status.endpoint',
      },
      {
        name: 'Message',
        type: 'string',
        description: 'What needs attention.',
        jsonPath: `${condition('Degraded')}.message`,
        priority: 1,
      },
      age,
    ],
  },
  model: {
    kind: 'OllamaModel',
    plural: 'ollamamodels',
    singular: 'ollamamodel',
    shortName: 'om',
    description: 'A language model that a cluster of agents serves.',
    spec: OllamaModelSpec,
    status: OllamaModelStatus,
    rules: [],
    columns: [
      { name: 'Cluster', type: 'string', description: 'Who serves it.', jsonPath: '.spec.clusterRef.name' },
      { name: 'Model', type: 'string', description: 'Name for clients.', jsonPath: '.status.model' },
      { name: 'Phase', type: 'string', description: 'The state in one word.', jsonPath: '.status.phase' },
      {
        name: 'Progress',
        type: 'integer',
        description: 'Share of bytes that have arrived, in percent.',
        jsonPath: '.status.progressPercent',
      },
      {
        name: 'Ready',
        type: 'integer',
        description: 'Agents that can serve it.',
        jsonPath: '.status.readyReplicas',
      },
      {
        name: 'Desired',
        type: 'integer',
        description: 'Agents that are to hold it.',
        jsonPath: '.status.desiredReplicas',
      },
      {
        name: 'Message',
        type: 'string',
        description: 'Why it is ready or not.',
        jsonPath: `${condition('Ready')}.message`,
        priority: 1,
      },
      age,
    ],
  },
} as const satisfies Readonly<Record<string, Kind>>;

interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

/** The default of a node with those of everything in it: rules are evaluated on it before it is filled in. */
const wholeDefault = ({ default: own, properties }: SchemaNode): unknown => {
  if (properties === undefined || typeof own !== 'object' || own === null) return own;
  const inner = Object.entries(properties).filter(([, property]) => property.default !== undefined);
  return { ...Object.fromEntries(inner.map(([name, property]) => [name, wholeDefault(property)])), ...own };
};

/**
 * A schema as the API server takes it. Fields with a default are not required: it fills them in before it checks,
 * but not before it checks the defaults of what is around them.
 */
const structural = (schema: SchemaNode): SchemaNode => {
  const { required, properties, items, ...rest } = schema;
  const needed = required?.filter((name) => properties?.[name]?.default === undefined) ?? [];
  return {
    ...rest,
    ...(rest.default === undefined ? {} : { default: wholeDefault(schema) }),
    ...(needed.length === 0 ? {} : { required: needed }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, structural(property)]),
          ),
        }),
    ...(items === undefined ? {} : { items: structural(items) }),
  };
};

/** A CustomResourceDefinition as the API server takes it. */
export const customResourceDefinition = (definition: Kind): Readonly<Record<string, unknown>> => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${definition.plural}.${apiGroup}` },
  spec: {
    group: apiGroup,
    scope: 'Namespaced',
    names: {
      kind: definition.kind,
      listKind: `${definition.kind}List`,
      plural: definition.plural,
      singular: definition.singular,
      shortNames: [definition.shortName],
      categories: ['ollamamax'],
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          ...(definition.scale === true
            ? {
                scale: {
                  specReplicasPath: '.spec.replicas',
                  statusReplicasPath: '.status.replicas',
                  labelSelectorPath: '.status.selector',
                },
              }
            : {}),
        },
        additionalPrinterColumns: definition.columns,
        schema: {
          openAPIV3Schema: structural({
            type: 'object',
            description: definition.description,
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
              kind: { type: 'string', description: 'Kind of this object.' },
              metadata: { type: 'object' },
              spec: definition.spec,
              status: definition.status,
            },
            ...(definition.rules.length === 0 ? {} : rules(...definition.rules)),
          }),
        },
      },
    ],
  },
});
