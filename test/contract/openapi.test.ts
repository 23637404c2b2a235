import { describe, expect, test } from '@jest/globals';
import { errorCatalogue, errorsOf } from '@ollamamax/api';
import { Validator } from '@seriousme/openapi-schema-validator';
import { read } from '../conventions/repository.ts';
import { allRoutes } from './agent-client.ts';
import { problemsOf } from './strict-validator.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
  readonly security: readonly unknown[];
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example?: unknown }>> };
}

interface Specification extends Record<string, unknown> {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const specification = JSON.parse(read('docs/reference/openapi.json')) as Specification;

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(specification));
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(specification.openapi).toMatch(/^3\.1\./);
    // Of the agent that was asked, whatever its name.
    expect(specification.servers.map(({ url }) => url)).toEqual(['/']);
  });

  test('refers only to what it holds', () => {
    const text = JSON.stringify(specification);
    const missing = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].filter(
      ([, pointer = '']) =>
        pointer
          .split('/')
          .reduce<unknown>(
            (value, key) => (value as Record<string, unknown> | undefined)?.[key],
            specification,
          ) === undefined,
    );
    expect(missing).toEqual([]);
  });

  test('has each operation once, and no other', () => {
    const ids = Object.values(specification.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(ids.toSorted()).toEqual(
      [...allRoutes.map(([id]) => id), 'livez', 'readyz', 'startupz'].toSorted(),
    );
  });

  test.each(allRoutes)('tells the answers of %s', (id, route) => {
    const operation = specification.paths[route.path]?.[route.method];
    const statuses = errorsOf(route).map((code) => String(errorCatalogue[code].status));
    const wanted = new Set([
      ...(route.unavailable !== undefined ? [] : ['200']),
      ...Object.keys(route.otherStatuses ?? {}),
      ...statuses,
    ]);
    expect(operation?.operationId).toBe(id);
    expect(Object.keys(operation?.responses ?? {}).toSorted()).toEqual([...wanted].toSorted());
    const token = route.dialect === 'anthropic' ? [{ bearer: [] }, { apiKey: [] }] : [{ bearer: [] }];
    expect(operation?.security).toEqual(route.access === 'public' ? [] : token);
    expect(specification.tags.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...(operation?.tags ?? [''])]),
    );
    if (route.streams !== undefined)
      expect(Object.keys(operation?.responses['200']?.content ?? {})).toContain(route.streams);
  });
});

describe('the examples of the OpenAPI document', () => {
  const withBody = allRoutes.filter(([, route]) => route.body !== undefined);
  test.each(withBody)('has a body of %s that its schema takes', (_id, route) => {
    const example =
      specification.paths[route.path]?.[route.method]?.requestBody?.content['application/json']?.example;
    expect(example).toEqual(route.example);
    expect(example).toBeDefined();
    expect(route.body === undefined ? undefined : problemsOf(route.body, example)).toEqual([]);
  });

  const withParameter = allRoutes.filter(([, { path }]) => path.includes('{'));
  test.each(withParameter)('names something for each parameter in the path of %s', (_id, route) => {
    const { parameters = [] } = specification.paths[route.path]?.[route.method] ?? {};
    const inPath = parameters.filter((parameter) => parameter.in === 'path');
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(route.path.match(/\{\w+\}/g));
    for (const { name, example } of inPath) {
      const schema = route.parameters?.[name];
      expect(schema === undefined ? ['no schema'] : problemsOf(schema, example)).toEqual([]);
    }
  });
});

describe('the reference of the API', () => {
  const text = read('docs/reference/api.md');
  test.each(allRoutes)('has a section for %s', (_id, route) => {
    expect(text).toContain(`\n### ${route.method.toUpperCase()} ${route.path}\n`);
  });
});
