import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { customResourceDefinition, kinds } from '@ollamamax/api';
import {
  acceptedClusters,
  existingClusters,
  refusedClusters,
  refusedClusterUpdates,
} from './invalid/clusters.ts';
import { acceptedModels, existingModels, refusedModels, refusedModelUpdates } from './invalid/models.ts';
import type { Refused } from './invalid/refused.ts';
import type { Document } from './harness/documents.ts';
import { startPlane, startTimeoutMs } from './harness/plane.ts';
import type { Plane } from './harness/plane.ts';

const refusals = [...refusedClusters, ...refusedModels, ...refusedClusterUpdates, ...refusedModelUpdates];
const answers = new Map<Refused, Answer>();

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  for (const document of [...existingClusters, ...existingModels])
    expect(await apply(document)).toEqual({ code: 0, says: [] });
  // Some at a time: nothing of them is taken, so that none depends on another.
  const waiting = [...refusals];
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift())
      answers.set(one, await apply(one.document));
  };
  await Promise.all(Array.from({ length: 6 }, work));
}, startTimeoutMs);
afterAll(() => plane.stop());

interface Answer {
  readonly code: unknown;
  readonly says: readonly string[];
}

/** What the API server adds when a mistake kept it from looking further. */
const furtherNotice =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

/** The sentences that are about the document, without the words around them. */
const sentences = (text: string): readonly string[] => {
  const invalid = /^The \w+ "[^"]*" is invalid: ([^]*)$/.exec(text.trim());
  if (invalid !== null)
    return (invalid[1] ?? '')
      .split('\n')
      .map((line) => line.replace(/^\* /, ''))
      .filter((line) => line !== '' && line !== furtherNotice)
      .sort();
  const [strict] = /strict decoding error: .*$/.exec(text.trim()) ?? [];
  return strict === undefined ? text.split('\n').filter((line) => line !== '') : [strict];
};

async function apply(document: Document): Promise<Answer> {
  const { code, stderr } = await plane.kubectl(
    ['apply', '--validate=strict', '-f', '-'],
    JSON.stringify(document),
  );
  return { code, says: sentences(stderr) };
}

describe('kubectl apply tells what is wrong with', () => {
  test.each(refusals.map((one) => [`${one.document.kind}: ${one.title}`, one] as const))(
    '%s',
    (_title, one) => {
      expect(answers.get(one)).toEqual({ code: 1, says: [...one.says].sort() });
    },
  );

  test('and nothing of it was taken', async () => {
    const names = async (kind: 'OllamaCluster' | 'OllamaModel') =>
      (await plane.objects.list(kind)).map(({ metadata }) => metadata.name).sort();
    const given = (documents: readonly Document[]) => documents.map(({ metadata }) => metadata.name).sort();
    expect(await names('OllamaCluster')).toEqual(given(existingClusters));
    expect(await names('OllamaModel')).toEqual(given(existingModels));
    const all = [
      ...(await plane.objects.list('OllamaCluster')),
      ...(await plane.objects.list('OllamaModel')),
    ];
    expect(all.map(({ metadata }) => metadata.generation)).toEqual(all.map(() => 1));
  });
});

test('a single mistake is told in a single line', async () => {
  const { stderr } = await plane.kubectl(['apply', '-f', '-'], JSON.stringify(refusedClusters[0]?.document));
  expect(stderr).toBe(
    'The OllamaCluster "sample" is invalid: spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1\n',
  );
});

const accepted = [...acceptedClusters, ...acceptedModels];

describe('kubectl apply takes what just meets the rule', () => {
  test.each(accepted.map(([meets, document]) => [document.metadata.name, meets, document] as const))(
    '%s: %s',
    async (_name, _meets, document) => {
      expect(await apply(document)).toEqual({ code: 0, says: [] });
    },
  );
});

interface Rule {
  readonly rule: string;
  readonly message: string;
}

/** Every rule anywhere in a definition. */
const rulesIn = (node: unknown): readonly Rule[] => {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, inner]) =>
    name === 'x-kubernetes-validations' ? (inner as readonly Rule[]) : rulesIn(inner),
  );
};

describe('every rule of the schemas', () => {
  const places = Object.values(kinds).flatMap((kind) => rulesIn(customResourceDefinition(kind)));
  // Some hold for fields of the same form in many places.
  const texts = new Map(places.map(({ rule, message }) => [rule, message]));
  const all = [...texts.values()];

  test('is broken by one of the documents and met by another', () => {
    const said = refusals.flatMap(({ says }) => says);
    const met = new Set(accepted.map(([meets]) => meets));
    expect(all.length).toBeGreaterThanOrEqual(14);
    expect(all.filter((message) => !said.some((sentence) => sentence.endsWith(`: ${message}`)))).toEqual([]);
    expect(all.filter((message) => !met.has(message))).toEqual([]);
  });

  test('has a sentence of its own', () => {
    expect(new Set(all).size).toBe(all.length);
    expect(places.filter(({ rule, message }) => texts.get(rule) !== message)).toEqual([]);
  });
});
