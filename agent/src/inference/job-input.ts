import type { ChatMessage, InferenceRequest } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { toGrammarSchema } from './json-schema.ts';
import type { JobFormat, JobInput } from './runner/protocol.ts';

type WorkInput = Extract<InferenceRequest['input'], { kind: 'chat' | 'prompt' }>;

/** What the runner renders: the request with the model's default system message and template. */
export const toJobInput = (input: WorkInput, model: EngineModel): JobInput => {
  if (input.kind === 'prompt' && input.raw === true) return { kind: 'raw', prompt: input.prompt };
  const asked: readonly ChatMessage[] =
    input.kind === 'chat'
      ? input.messages
      : [
          ...(input.system === undefined ? [] : [{ role: 'system' as const, content: input.system }]),
          { role: 'user', content: input.prompt },
        ];
  const system = model.system ?? '';
  const needsSystem = system !== '' && asked[0]?.role !== 'system';
  return {
    kind: 'chat',
    messages: needsSystem ? [{ role: 'system', content: system }, ...asked] : asked,
    tools: input.kind === 'chat' ? (input.tools ?? []) : [],
    template: model.template,
    plain:
      input.kind === 'chat' ? undefined : [input.system ?? system, input.prompt].filter(Boolean).join('\n\n'),
  };
};

/** @throws ApiError invalid_format for a schema that cannot be enforced. */
export const toJobFormat = (format: InferenceRequest['format']): JobFormat | undefined =>
  format?.type === 'json_schema' ? { type: 'json_schema', schema: toGrammarSchema(format.schema) } : format;
