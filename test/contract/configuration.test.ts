import { describe, expect, test } from '@jest/globals';
import { NodeConfig, compileValidator } from '@ollamamax/api';
import { parseConfigFile } from '@ollamamax/common';
import { environmentSettings } from '../../agent/src/config/config-schema.ts';
import { read } from '../conventions/repository.ts';

const text = read('docs/reference/configuration.md');
const rows = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);

/** Paths of all settings that are values, as `listen.api`. */
const settingsOf = (schema: unknown, path = ''): string[] => {
  const { properties, items } = schema as { properties?: Record<string, unknown>; items?: unknown };
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([name, part]) =>
      settingsOf(part, path === '' ? name : `${path}.${name}`),
    );
  return items === undefined ? [path] : [path, ...settingsOf(items, `${path}[]`)];
};

describe('the reference of the configuration', () => {
  test('has every setting', () => {
    const settings = settingsOf(NodeConfig).filter((path) => !path.endsWith('[]'));
    expect(settings.length).toBeGreaterThan(50);
    expect(settings.filter((path) => !rows.includes(path))).toEqual([]);
  });

  test('has every variable of the environment, and no other', () => {
    const told = [...text.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| `([^`]+)` \|$/gm)].map(
      ([, variable = '', path = '']) => `${variable} ${path}`,
    );
    const read = environmentSettings.map(({ variable, path }) => `${variable} ${path.join('.')}`);
    expect(told.toSorted()).toEqual(read.toSorted());
  });

  test('shows an example that is valid', () => {
    const shown = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const example = shown.replace('${OLLAMA_JWT_SECRET}', 'x'.repeat(32));
    const { value, problems } = parseConfigFile(example, { maxBytes: 65_536 });
    expect(problems).toEqual([]);
    expect(compileValidator(NodeConfig)(value)).toEqual(expect.objectContaining({ ok: true }));
    expect(example).not.toBe(shown);
  });
});
