import { Type, type Static } from 'typebox';

export * from './ollama-inference.ts';
export * from './ollama-options.ts';

// Clients written in Go send both names, the unused one empty.
export const ShowBody = Type.Object({
  model: Type.Optional(
    Type.String({ maxLength: 600, description: 'Model name; the tag defaults to latest.' }),
  ),
  name: Type.Optional(Type.String({ maxLength: 600, description: 'Old name of model.' })),
  verbose: Type.Optional(Type.Boolean()),
});
export type ShowBody = Static<typeof ShowBody>;

/** What Ollama calls details. */
export const OllamaDetails = Type.Object({
  parent_model: Type.String(),
  format: Type.String(),
  family: Type.String(),
  families: Type.Array(Type.String()),
  parameter_size: Type.String(),
  quantization_level: Type.String(),
});

export const TagsResponse = Type.Object({
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      model: Type.String(),
      modified_at: Type.String(),
      size: Type.Integer(),
      digest: Type.String(),
      details: OllamaDetails,
      capabilities: Type.Array(Type.String()),
    }),
  ),
});

export const PsResponse = Type.Object({
  models: Type.Array(
    Type.Object({
      name: Type.String(),
      model: Type.String(),
      size: Type.Integer(),
      digest: Type.String(),
      details: OllamaDetails,
      expires_at: Type.String(),
      size_vram: Type.Integer(),
      context_length: Type.Integer(),
      agent: Type.String({ description: 'Agent that holds it in memory.' }),
    }),
  ),
});

export const ShowResponse = Type.Object({
  license: Type.Optional(Type.String({ description: 'Absent when there is none, as the next ones.' })),
  parameters: Type.Optional(Type.String({ description: 'Defaults of the model, one per line.' })),
  template: Type.Optional(
    Type.String({ description: "Chat template: in Jinja, or in Go's language as the model was made with." }),
  ),
  system: Type.Optional(Type.String({ description: 'Default system message.' })),
  messages: Type.Optional(
    Type.Array(Type.Object({ role: Type.String(), content: Type.String() }), {
      description: 'Messages that every chat with it begins with.',
    }),
  ),
  modelfile: Type.String(),
  details: OllamaDetails,
  model_info: Type.Record(Type.String(), Type.Unknown(), {
    description: 'Metadata of the GGUF file; long lists are null unless verbose.',
  }),
  tensors: Type.Array(
    Type.Object({ name: Type.String(), type: Type.String(), shape: Type.Array(Type.Integer()) }),
  ),
  capabilities: Type.Array(Type.String()),
  modified_at: Type.String(),
});

export const OllamaError = Type.Object({
  error: Type.String({ description: 'What went wrong and what to do.' }),
  code: Type.String({ description: 'Stable code of the error catalogue.' }),
  request_id: Type.String(),
});
