import { describe, expect, test } from '@jest/globals';
import { errorCatalogue, errorsOf } from '@ollamamax/api';
import { Validator } from '@seriousme/openapi-schema-validator';
import { read } from '../conventions/repository.ts';
import { allRoutes } from './agent-client.ts';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
  readonly security: readonly unknown[];
}

interface Specification extends Record<string, unknown> {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const specification = JSON.parse(read('docs/reference/openapi.json')) as Specification;

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(specification));
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(specification.openapi).toMatch(/^3\.1\./);
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
    expect(ids.toSorted()).toEqual([...allRoutes.map(([id]) => id), 'livez', 'readyz'].toSorted());
  });

  test.each(allRoutes)('tells the answers of %s', (id, route) => {
    const operation = specification.paths[route.path]?.[route.method];
    const statuses = errorsOf(route).map((code) => String(errorCatalogue[code].status));
    const wanted = new Set([...(route.unavailable !== undefined ? [] : ['200']), ...statuses]);
    expect(operation?.operationId).toBe(id);
    expect(Object.keys(operation?.responses ?? {}).toSorted()).toEqual([...wanted].toSorted());
    expect(operation?.security).toEqual(route.access === 'public' ? [] : [{ bearer: [] }]);
    if (route.streams !== undefined)
      expect(Object.keys(operation?.responses['200']?.content ?? {})).toContain(route.streams);
  });
});

describe('the reference of the API', () => {
  const text = read('docs/reference/api.md');
  test.each(allRoutes)('has a section for %s', (_id, route) => {
    expect(text).toContain(`\n### ${route.method.toUpperCase()} ${route.path}\n`);
  });
});
