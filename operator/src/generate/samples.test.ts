import { describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { apiVersion, compileValidator, customResourceDefinition, kinds } from '@ollamamax/api';
import { parseConfigFile } from '@ollamamax/common';

/*
 * What people copy must be accepted. The API server has the last word, with rules that this does not know; the
 * cluster suite asks it.
 */

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node | false;
  readonly [keyword: string]: unknown;
}

interface Definition {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Node } }[] };
}

/** The schema of a kind as plain JSON Schema that refuses fields it does not know, where the API server drops them. */
const strict = (node: Node): Node => {
  const { properties, items, additionalProperties, ...rest } = node;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([keyword]) => !keyword.startsWith('x-kubernetes-'))),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: strict(additionalProperties) }
      : {}),
    ...(properties === undefined
      ? {}
      : {
          additionalProperties: false as const,
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [name, strict(property)]),
          ),
        }),
    ...(items === undefined ? {} : { items: strict(items) }),
  };
};

const validatorOf = (kind: keyof typeof kinds) => {
  const { spec } = customResourceDefinition(kinds[kind]) as unknown as Definition;
  const schema = spec.versions[0]!.schema.openAPIV3Schema;
  return compileValidator(strict(schema) as unknown as Parameters<typeof compileValidator>[0]);
};

const validators = new Map([
  [kinds.cluster.kind, validatorOf('cluster')],
  [kinds.model.kind, validatorOf('model')],
] as const);

interface Sample {
  readonly apiVersion: string;
  readonly kind: 'OllamaCluster' | 'OllamaModel';
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly clusterRef?: { readonly name: string } };
}

const folder = new URL('../../../manifests/samples/', import.meta.url);

const objectsOf = (file: string): Sample[] =>
  readFileSync(new URL(file, folder), 'utf8')
    .split(/^---$/m)
    .map((document) => {
      const { value, problems } = parseConfigFile(document, {});
      expect(problems).toEqual([]);
      return value as unknown as Sample;
    });

describe.each(readdirSync(folder))('manifests/samples/%s', (file) => {
  test('is a cluster and a model of it', () => {
    const [cluster, model, ...more] = objectsOf(file);
    expect(more).toEqual([]);
    expect(cluster).toMatchObject({ apiVersion, kind: 'OllamaCluster' });
    expect(model).toMatchObject({
      apiVersion,
      kind: 'OllamaModel',
      spec: { clusterRef: { name: cluster?.metadata.name } },
    });
  });

  test('fits the schema of its kinds', () => {
    for (const object of objectsOf(file)) {
      expect(validators.get(object.kind)!(object)).toMatchObject({ ok: true });
    }
  });
});

test('a field that does not exist would be noticed', () => {
  const cluster = {
    apiVersion,
    kind: 'OllamaCluster',
    metadata: { name: 'x' },
    spec: { storage: { sise: '1Gi' } },
  };
  expect(validators.get('OllamaCluster')!(cluster)).toMatchObject({
    ok: false,
    problems: [{ path: 'spec.storage.sise', message: 'is not known here' }],
  });
});
