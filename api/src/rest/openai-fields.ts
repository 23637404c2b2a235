import { Type } from 'typebox';

// Fields that several of OpenAI's routes have in common. Fields that are not named are ignored: clients send many that make
// no difference here (`store`, `metadata`, `service_tier`, `safety_identifier`, …).

/** A field that may be left out or null. */
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

export const openAiModelField = Type.String({ minLength: 1, maxLength: 600 });

/** What the sampling of every generating route takes; the last four are no fields of OpenAI's, but of its peers. */
export const openAiSampling = {
  temperature: nullable(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
  seed: nullable(Type.Integer()),
  stop: nullable(
    Type.Union([
      Type.String({ minLength: 1, maxLength: 1024 }),
      Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 }),
    ]),
  ),
  presence_penalty: nullable(Type.Number({ minimum: -2, maximum: 2 })),
  frequency_penalty: nullable(Type.Number({ minimum: -2, maximum: 2 })),
  logit_bias: nullable(
    Type.Record(Type.String({ pattern: '^[0-9]{1,9}$' }), Type.Number({ minimum: -100, maximum: 100 }), {
      description: 'By token id; -100 forbids the token.',
      additionalProperties: false,
    }),
  ),
  top_k: nullable(
    Type.Integer({ minimum: 0, maximum: 1000000, description: 'Extension, as the next three.' }),
  ),
  min_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
  typical_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: nullable(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
};

export const answersField = nullable(
  Type.Integer({
    minimum: 1,
    maximum: 128,
    description: 'Answers wanted; with a seed, each next one takes the next seed.',
  }),
);

export const streamFields = {
  stream: nullable(Type.Boolean()),
  stream_options: nullable(Type.Object({ include_usage: nullable(Type.Boolean()) })),
};

export const toolParameters = nullable(
  Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema.' }),
);

export const functionName = Type.String({ minLength: 1, maxLength: 256 });
