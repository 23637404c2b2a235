import { NodeConfig } from '@ollamamax/api';

/** What we read of a JSON Schema; TypeBox schemas are that at run time. */
export interface SettingSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly items?: SettingSchema;
  readonly anyOf?: readonly SettingSchema[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly description?: string;
  readonly 'x-env'?: string;
  readonly 'x-secret'?: boolean;
}

const root = NodeConfig as unknown as SettingSchema;

/** A setting that an environment variable overrides. */
export interface EnvironmentSetting {
  readonly variable: string;
  readonly path: readonly string[];
  readonly schema: SettingSchema;
}

const collect = (schema: SettingSchema, path: readonly string[]): EnvironmentSetting[] => {
  const variable = schema['x-env'];
  const own = variable === undefined ? [] : [{ variable, path, schema }];
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    collect(child, [...path, name]),
  );
  return [...own, ...below];
};

export const environmentSettings: readonly EnvironmentSetting[] = collect(root, []);

/** `cluster.peers[0].id` → `cluster`, `peers`, `0`, `id`. */
export const splitPath = (path: string): string[] =>
  path
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter((part) => part !== '');

/** The schema of a setting; undefined where the configuration is free-form or the name is unknown. */
export const schemaAt = (path: string): SettingSchema | undefined => {
  let at: SettingSchema | undefined = root;
  for (const part of splitPath(path)) {
    if (at === undefined) return undefined;
    const options: readonly SettingSchema[] = [at, ...(at.anyOf ?? [])];
    const next: SettingSchema | undefined = /^\d+$/.test(part)
      ? at.items
      : options.map((option) => option.properties?.[part]).find((child) => child !== undefined);
    at = next;
  }
  return at;
};

/** Names that are allowed beside this one. */
export const siblingsOf = (path: string): readonly string[] => {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
  const schema = schemaAt(parent);
  return [schema, ...(schema?.anyOf ?? [])].flatMap((option) => Object.keys(option?.properties ?? {}));
};

/** Whether a setting takes text, alone or as one of fixed words; undefined where anything goes. */
export const settingKind = (path: string): 'text' | 'other' | undefined => {
  const schema = schemaAt(path);
  if (schema === undefined) return undefined;
  const isText = (option: SettingSchema): boolean =>
    option.type === 'string' || typeof option.const === 'string';
  return isText(schema) || (schema.anyOf?.every(isText) ?? false) ? 'text' : 'other';
};

export const isSecretSetting = (path: string): boolean => schemaAt(path)?.['x-secret'] === true;

/** Reads a value out of a tree of objects and arrays. */
export const valueAt = (tree: unknown, parts: readonly string[]): unknown => {
  let at = tree;
  for (const part of parts) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
};
