import type { NodeConfig, Problem, Validator } from '@ollamamax/api';
import { isSecretSetting, schemaAt, siblingsOf, splitPath, valueAt } from './config-schema.ts';
import { nearest } from './edit-distance.ts';

const shownValue = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

/** Adds what was given, what would be right, or what was probably meant. */
export const explain = (problem: Problem, tree: unknown): string => {
  const { path, message } = problem;
  if (message === 'is not known here') {
    const name = path.slice(path.lastIndexOf('.') + 1);
    const meant = nearest(name, siblingsOf(path), 3);
    return meant === undefined
      ? `${message}; known are ${siblingsOf(path).join(', ')}`
      : `${message}; did you mean ${meant}?`;
  }
  const schema = schemaAt(path);
  const value = valueAt(tree, splitPath(path));
  const given =
    value === undefined || isSecretSetting(path) || (typeof value === 'object' && value !== null)
      ? ''
      : `is ${shownValue(value)} and `;
  if (!message.startsWith('does not have the expected form')) return `${given}${message}`;
  const example = schema?.examples?.[0] ?? schema?.default;
  return `${given}does not have the expected form${example === undefined ? '' : `; an example is ${shownValue(example)}`}`;
};

/** Whether two settings are the same or one holds the other. */
export const related = (left: string, right: string): boolean => {
  const [short, long] = left.length < right.length ? [left, right] : [right, left];
  return long === short || long.startsWith(`${short}.`) || long.startsWith(`${short}[`) || short === '';
};

/** Stands in for what is broken in a list, so that the other items keep their indexes. */
const listItems: Readonly<Record<string, (index: number) => Record<string, unknown>>> = {
  models: (index) => ({ name: `unnamed-${index}`, source: { file: 'unnamed' } }),
  'cluster.peers': (index) => ({ id: `unnamed-${index}`, address: '127.0.0.1:1' }),
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const repairItem = (tree: unknown, list: string, index: number, field: string | undefined): void => {
  const items = valueAt(tree, splitPath(list));
  const standIn = listItems[list]?.(index);
  if (!Array.isArray(items) || standIn === undefined) return;
  const item: unknown = items[index];
  const kept = isRecord(item) && field !== undefined ? { ...item } : {};
  if (field !== undefined) Reflect.deleteProperty(kept, field);
  items[index] = { ...standIn, ...kept };
};

/** The configuration without its invalid settings, so that the valid rest is checked in the same run. */
export const validRest = (
  tree: unknown,
  problems: readonly Problem[],
  validate: Validator<NodeConfig>,
): NodeConfig | undefined => {
  const copy = structuredClone(tree);
  for (const { path } of problems) {
    const inList = /^([^[]+)\[(\d+)\](?:\.([^.[]+))?/.exec(path);
    const [, list, index, field] = inList ?? [];
    if (list !== undefined && Object.hasOwn(listItems, list)) {
      repairItem(copy, list, Number(index), field);
      continue;
    }
    const parts = splitPath(path.replace(/\[.*$/, ''));
    const holder = valueAt(copy, parts.slice(0, -1));
    const last = parts.at(-1);
    if (last !== undefined && isRecord(holder)) Reflect.deleteProperty(holder, last);
  }
  const first = validate(copy);
  if (first.ok) return first.value;
  // What lost a required setting goes as a whole.
  for (const { path } of first.problems) {
    const [section] = splitPath(path);
    if (section !== undefined && isRecord(copy)) Reflect.deleteProperty(copy, section);
  }
  const second = validate(copy);
  return second.ok ? second.value : undefined;
};
