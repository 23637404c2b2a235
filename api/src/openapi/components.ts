import type { TSchema } from 'typebox';
import * as anthropic from '../rest/anthropic.ts';
import * as inference from '../rest/inference.ts';
import * as native from '../rest/native.ts';
import * as ollamaModels from '../rest/ollama-models.ts';
import * as ollama from '../rest/ollama.ts';
import * as openai from '../rest/openai.ts';
import * as openaiChat from '../rest/openai-chat.ts';
import * as openaiCompletions from '../rest/openai-completions.ts';
import * as openaiResponses from '../rest/openai-responses.ts';
import { routes, type Route } from '../routes.ts';
import { ModelDetails, ResidentModel } from '../wire/agent-status.ts';
import { CatalogBackup, ConsensusStatus } from '../wire/consensus.ts';
import { ClusterSettings } from '../wire/desired-state.ts';
import { InferenceUsage, TokenLogprob } from '../wire/inference.ts';

/** A part of the document. */
export type Json = Record<string, unknown>;

const named: Readonly<Record<string, TSchema>> = {
  ...native,
  ...ollama,
  ...ollamaModels,
  ...openai,
  ...openaiChat,
  ...openaiCompletions,
  ...openaiResponses,
  ...anthropic,
  ...inference,
  CatalogBackup,
  ClusterSettings,
  ConsensusStatus,
  InferenceUsage,
  ModelDetails,
  ResidentModel,
  TokenLogprob,
};

/** Name of each shared schema by its text: schemas that say the same are the same. */
const nameByText = new Map(
  Object.entries(named)
    // Of two names for the same the first in the alphabet counts, whatever the order of the imports.
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .map(([name, schema]) => [JSON.stringify(schema), name]),
);

const parts = (value: object): Json =>
  Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withReferences(part)]));

/** Replaces every shared schema inside `value` by a reference to it. */
export const withReferences = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  const name = nameByText.get(JSON.stringify(value));
  return name === undefined ? parts(value) : { $ref: `#/components/schemas/${name}` };
};

/** Bodies, options and messages in which Ollama's API takes null for a field that is left out. */
const takingNulls = new Set<unknown>([
  ollama.OllamaOptions,
  ollama.OllamaMessage,
  ...Object.values<Route>(routes)
    .filter(({ dialect }) => dialect === 'ollama')
    .map(({ body }) => body),
]);

const orNull = (schema: Json): Json => {
  if (Array.isArray(schema.anyOf)) {
    const branches = schema.anyOf as readonly Json[];
    const taken = branches.some(({ type }) => type === 'null');
    return taken ? schema : { ...schema, anyOf: [...branches, { type: 'null' }] };
  }
  if (typeof schema.type === 'string' && schema.enum === undefined)
    return { ...schema, type: [schema.type, 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
};

/** The schema with null for each of its fields that may be left out. */
const withNulls = (schema: Json): Json => {
  const required = new Set(schema.required as readonly string[] | undefined);
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
  return {
    ...schema,
    properties: Object.fromEntries(
      properties.map(([name, property]) => [name, required.has(name) ? property : orNull(property)]),
    ),
  };
};

/** `components.schemas`: every schema that has a name. */
export const componentSchemas = (): Json =>
  Object.fromEntries(
    Object.entries(named)
      .filter(([name, schema]) => nameByText.get(JSON.stringify(schema)) === name)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, schema]) => [name, takingNulls.has(schema) ? withNulls(parts(schema)) : parts(schema)]),
  );
