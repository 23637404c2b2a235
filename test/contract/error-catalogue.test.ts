import { describe, expect, test } from '@jest/globals';
import { errorCatalogue, errorsOf, isErrorCode, type CatalogueEntry } from '@ollamamax/api';
import { read, trackedFiles } from '../conventions/repository.ts';
import { allRoutes } from './agent-client.ts';

const entries = Object.entries<CatalogueEntry>(errorCatalogue);
const sources = trackedFiles().filter(
  (path) =>
    /^(api|common|operator|agent)\/.*\.tsx?$/.test(path) &&
    !/\.(test|fixture)\.tsx?$|\/generate\/|^agent\/dashboard\//.test(path),
);
const texts = sources.map((path) => [path, read(path)] as const);

describe('the catalogue of errors', () => {
  const document = read('docs/reference/errors.md');
  const sections = new Map(
    document
      .split(/^### /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );

  test('and its reference name the same codes', () => {
    expect([...sections.keys()].toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
  });

  test.each(entries)('%s is told with its status, meaning and action', (code, entry) => {
    const section = sections.get(code) ?? '';
    expect(section).toContain(`Status: ${entry.status}\n`);
    expect(section).toContain(entry.summary);
    expect(section).toContain(entry.action);
    expect(section).toContain(`Retry: ${entry.retryable ? 'yes' : 'no'}`);
  });

  test.each(entries)('%s is a sentence and an instruction with a status of errors', (code, entry) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(entry.summary).toMatch(/^[A-Z].*\.$/);
    expect(entry.action).toMatch(/^[A-Z].*\.$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThan(600);
  });

  test('has no code that nothing raises', () => {
    const elsewhere = texts.filter(([path]) => !/^api\/src\/(errors|routes)\.ts$/.test(path));
    const unused = Object.keys(errorCatalogue).filter(
      (code) => !elsewhere.some(([, text]) => text.includes(`'${code}'`)),
    );
    expect(unused).toEqual([]);
  });

  test('has every code that is raised', () => {
    const raised = texts.flatMap(([path, text]) =>
      [...text.matchAll(/new ApiError\(\s*'([^']+)'/g)].map(([, code = '']) => ({ path, code })),
    );
    expect(raised.length).toBeGreaterThan(50);
    expect(raised.filter(({ code }) => !isErrorCode(code))).toEqual([]);
  });

  test('is linked to from the reference of the API for every route', () => {
    const api = read('docs/reference/api.md');
    for (const [, route] of allRoutes)
      for (const code of errorsOf(route))
        if (route.unavailable === undefined) expect(api).toContain(`(errors.md#${code})`);
  });
});
