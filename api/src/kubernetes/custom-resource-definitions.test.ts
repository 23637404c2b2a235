import { describe, expect, test } from '@jest/globals';
import type { TSchema } from 'typebox';
import { compileValidator } from '../validation.ts';
import { customResourceDefinition, kinds } from './custom-resource-definitions.ts';
import { maxClusterNameLength } from './names.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly [keyword: string]: unknown;
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: Readonly<Record<string, string | readonly string[]>>;
    readonly scope: string;
    readonly versions: readonly {
      readonly subresources: Readonly<Record<string, unknown>>;
      readonly additionalPrinterColumns: readonly {
        readonly name: string;
        readonly jsonPath: string;
        readonly description: string;
      }[];
      readonly schema: { readonly openAPIV3Schema: Node };
    }[];
  };
}

interface Place {
  /** `spec.storage.size`; `[]` for items, `{}` for values by name. */
  readonly path: string;
  readonly node: Node;
  /** Named by a field: values of lists and maps are not. */
  readonly field: boolean;
}

const placesOf = (node: Node, path = '', field = true): readonly Place[] => [
  { path, node, field },
  ...Object.entries(node.properties ?? {}).flatMap(([name, inner]) =>
    placesOf(inner, path === '' ? name : `${path}.${name}`),
  ),
  ...(node.items === undefined ? [] : placesOf(node.items, `${path}[]`, false)),
  ...(typeof node.additionalProperties === 'object'
    ? placesOf(node.additionalProperties, `${path}{}`, false)
    : []),
];

/** What the API server fills in or checks by itself. */
const itsOwn = new Set(['apiVersion', 'kind', 'metadata']);

const intOrString = (node: Node): boolean => node['x-kubernetes-int-or-string'] === true;
const passedOn = (node: Node): boolean => node['x-kubernetes-preserve-unknown-fields'] === true;

const withoutExtensions = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutExtensions);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([keyword]) => !keyword.startsWith('x-kubernetes-'))
      .map(([keyword, inner]) => [keyword, withoutExtensions(inner)]),
  );
};

/** Of the schema of one field by itself. */
const validatorOf = ({ default: _own, ...node }: Node) =>
  compileValidator(withoutExtensions(node) as TSchema);

const offending = (places: readonly Place[], isWrong: (place: Place) => boolean): readonly string[] =>
  places.filter(isWrong).map(({ path }) => path);

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('the definition of a %s', (name) => {
  const definition = customResourceDefinition(kinds[name]) as unknown as Definition;
  const [version, ...others] = definition.spec.versions;
  const schema = version!.schema.openAPIV3Schema;
  const places = placesOf(schema);
  const inside = places.filter(({ path }) => path !== '' && !itsOwn.has(path));

  test('has one version, names that fit, and a status of its own', () => {
    expect(others).toEqual([]);
    const { kind, plural, singular, listKind } = definition.spec.names;
    expect(definition.metadata.name).toBe(`${String(plural)}.ollamamax.io`);
    expect(kind).toMatch(/^([A-Z][a-z]+)+$/);
    expect([singular, plural, listKind]).toEqual([
      String(kind).toLowerCase(),
      `${String(kind).toLowerCase()}s`,
      `${String(kind)}List`,
    ]);
    expect(definition.spec.scope).toBe('Namespaced');
    expect(version!.subresources).toHaveProperty('status');
  });

  test('is structural', () => {
    const forbidden = [
      'anyOf',
      'oneOf',
      'allOf',
      'not',
      '$ref',
      'patternProperties',
      'const',
      'definitions',
      '$id',
    ];
    expect(offending(places, ({ node }) => forbidden.some((keyword) => keyword in node))).toEqual([]);
    expect(offending(places, ({ node }) => typeof node.additionalProperties === 'boolean')).toEqual([]);
    expect(
      offending(
        places,
        ({ node }) => node.properties !== undefined && node.additionalProperties !== undefined,
      ),
    ).toEqual([]);
    const types = ['object', 'array', 'string', 'integer', 'number', 'boolean'];
    expect(
      offending(places, ({ node }) =>
        intOrString(node) ? node.type !== undefined : !types.includes(node.type ?? ''),
      ),
    ).toEqual([]);
    expect(offending(places, ({ node }) => node.type === 'array' && node.items === undefined)).toEqual([]);
    expect(
      offending(
        places,
        ({ node }) => node.required?.some((field) => node.properties?.[field] === undefined) === true,
      ),
    ).toEqual([]);
  });

  test('leaves metadata to the API server', () => {
    expect(schema.properties?.metadata).toEqual({ type: 'object' });
  });

  test('says what each field is', () => {
    expect(
      offending(inside, ({ node, field }) => field && !/^\S.*\.$/s.test(node.description ?? '')),
    ).toEqual([]);
  });

  test('bounds everything that can be long', () => {
    const unbounded = ({ node }: Place): boolean => {
      if (node.type === 'array') return node.maxItems === undefined;
      if (typeof node.additionalProperties === 'object') return node.maxProperties === undefined;
      if (node.type === 'string' || intOrString(node))
        return node.maxLength === undefined && node.enum === undefined && node.format !== 'date-time';
      return false;
    };
    expect(offending(inside, unbounded)).toEqual([]);
    expect(
      offending(
        inside,
        ({ node }) =>
          node.type === 'object' &&
          node.properties === undefined &&
          node.additionalProperties === undefined &&
          !passedOn(node),
      ),
    ).toEqual([]);
  });

  test('says of each list how it is merged', () => {
    const keysOf = ({ node }: Place): readonly string[] =>
      (node['x-kubernetes-list-map-keys'] ?? []) as readonly string[];
    expect(
      offending(
        inside,
        ({ node }) =>
          node.type === 'array' && !['atomic', 'map', 'set'].includes(String(node['x-kubernetes-list-type'])),
      ),
    ).toEqual([]);
    for (const place of inside.filter(({ node }) => node['x-kubernetes-list-type'] === 'map')) {
      expect(keysOf(place)).not.toEqual([]);
      for (const key of keysOf(place)) expect(place.node.items?.required).toContain(key);
    }
    expect(
      inside.find(({ path }) => path === 'status.conditions')?.node['x-kubernetes-list-map-keys'],
    ).toEqual(['type']);
  });

  test('has patterns that ECMAScript and RE2 both understand', () => {
    const inRules = inside.flatMap(({ node }) =>
      ((node['x-kubernetes-validations'] ?? []) as readonly { readonly rule: string }[]).flatMap(
        ({ rule }) => {
          const [, quoted] = /^self\.matches\((".*")\)$/.exec(rule) ?? [];
          return quoted === undefined ? [] : [JSON.parse(quoted) as string];
        },
      ),
    );
    const patterns = [...inside.flatMap(({ node }) => node.pattern ?? []), ...inRules];
    expect(inRules).not.toEqual([]);
    for (const pattern of patterns) {
      expect(() => new RegExp(pattern, 'u')).not.toThrow();
      expect(pattern).not.toMatch(/\(\?[=!<]|\\[1-9]/);
      expect(pattern).toMatch(/^\^.*\$$/);
    }
  });

  test('tells people in a sentence which form a text must have', () => {
    expect(
      offending(inside, ({ path, node }) => path.startsWith('spec') && node.pattern !== undefined),
    ).toEqual([]);
  });

  test('has defaults that are valid, and only where something around them can be left out', () => {
    for (const { path, node } of inside)
      if (node.default !== undefined) {
        const validate = validatorOf(node);
        expect([path, validate(structuredClone(node.default))]).toEqual([
          path,
          expect.objectContaining({ ok: true }),
        ]);
        const [, parent = '', field = path] = /^(.*)\.([^.]+)$/.exec(path) ?? [];
        expect(places.find((place) => place.path === parent)?.node.required ?? []).not.toContain(field);
      }
    expect(
      offending(inside, ({ path, node }) => path.startsWith('status') && node.default !== undefined),
    ).toEqual([]);
  });

  test('has defaults that say the whole of what is filled in: rules are evaluated on them', () => {
    for (const { path, node } of inside) {
      if (node.default === undefined || node.properties === undefined) continue;
      const filled: unknown = structuredClone(node.default);
      validatorOf(node)(filled);
      expect([path, filled]).toEqual([path, node.default]);
    }
  });

  test('has rules with a message, about fields that there are', () => {
    interface Rule {
      readonly rule: string;
      readonly message: string;
      readonly fieldPath?: string;
    }
    for (const { path, node } of places)
      for (const { rule, message, fieldPath } of (node['x-kubernetes-validations'] ??
        []) as readonly Rule[]) {
        expect(rule).toContain('self');
        expect(message).not.toMatch(/\.$|\n/);
        if (fieldPath !== undefined)
          expect([path, Object.keys(node.properties ?? {})]).toEqual([
            path,
            expect.arrayContaining([fieldPath.slice(1)]),
          ]);
      }
  });

  test('shows columns of fields that there are', () => {
    const paths = new Set(places.map((place) => place.path));
    for (const { name: column, jsonPath, description } of version!.additionalPrinterColumns) {
      const path = jsonPath.slice(1).replace(/\[\?\([^)]*\)\]/, '[]');
      expect([column, path.startsWith('metadata.') || paths.has(path)]).toEqual([column, true]);
      expect(description).toMatch(/\.$/);
    }
    const columns = version!.additionalPrinterColumns.map((column) => column.name);
    expect(columns).toEqual(expect.arrayContaining(['Phase', 'Ready', 'Desired']));
    expect(columns.at(-1)).toBe('Age');
  });
});

describe('a cluster', () => {
  const { spec } = customResourceDefinition(kinds.cluster) as unknown as Definition;
  const { schema, subresources } = spec.versions[0]!;
  const validate = compileValidator(withoutExtensions(schema.openAPIV3Schema) as TSchema);
  const filledIn = (wanted: object): Readonly<Record<string, unknown>> => {
    const object = { apiVersion: 'ollamamax.io/v1alpha1', kind: 'OllamaCluster', metadata: {}, spec: wanted };
    const result = validate(object);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return object.spec as Readonly<Record<string, unknown>>;
  };

  test('of nothing is one of three agents with log-in and volumes', () => {
    expect(filledIn({})).toMatchObject({
      replicas: 3,
      resources: { requests: { cpu: '500m', memory: '1Gi' } },
      storage: { size: '20Gi', ephemeral: false, retention: 'Retain' },
      auth: { enabled: true },
      ingress: { enabled: false },
      networkPolicy: { enabled: true },
      drain: { delaySeconds: 5, graceSeconds: 300 },
    });
  });

  test('keeps what is said beside defaults', () => {
    expect(filledIn({ storage: { size: '1Ti' }, gpu: {} })).toMatchObject({
      storage: { size: '1Ti', ephemeral: false },
      gpu: { vendor: 'nvidia', count: 1 },
    });
  });

  test('can be scaled', () => {
    expect(subresources.scale).toEqual({
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    });
  });

  test.each([
    { replicas: 0 },
    { replicas: 101 },
    { image: 'a'.repeat(513) },
    { gpu: { vendor: 'other' } },
    { ingress: { host: 1 } },
    { logging: { level: 'trace' } },
    { pod: { env: [1] } },
  ])('of another form is refused: %j', (wanted) => {
    expect(() => filledIn(wanted)).toThrow();
  });

  test('has a name that leaves room for what the operator adds', () => {
    const rules = schema.openAPIV3Schema['x-kubernetes-validations'] as readonly { readonly rule: string }[];
    expect(rules.map(({ rule }) => rule).join('\n')).toContain(
      `size(self.metadata.name) <= ${maxClusterNameLength}`,
    );
  });
});
