import { Type, type Static } from 'typebox';

const loading = 'Accepted; the agent that loads the model decides.';

/** Options as Ollama names them. A request may carry any others: they are ignored. */
export const OllamaOptions = Type.Object(
  {
    num_keep: Type.Optional(
      Type.Integer({
        minimum: -1,
        description: 'Tokens of the beginning that stay when the context is shifted; -1: the whole prompt.',
      }),
    ),
    seed: Type.Optional(Type.Integer({ description: 'Negative or absent: random.' })),
    num_predict: Type.Optional(
      Type.Integer({ description: 'Most tokens to produce; negative: until the model ends.' }),
    ),
    top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000000 })),
    top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    typical_p: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'Locally typical sampling; 1 is off.' }),
    ),
    mirostat: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2,
        description: 'Version of mirostat, which then takes the place of the other filters; 0 is off.',
      }),
    ),
    mirostat_tau: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'The surprise that it aims at, in bits.' }),
    ),
    mirostat_eta: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'How fast it learns.' }),
    ),
    repeat_last_n: Type.Optional(
      Type.Integer({
        minimum: -1,
        maximum: 1000000,
        description: 'Tokens looked back at for penalties; 0: none; -1: the whole context.',
      }),
    ),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    repeat_penalty: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100 })),
    presence_penalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    frequency_penalty: Type.Optional(Type.Number({ minimum: -100, maximum: 100 })),
    stop: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 64 })),
    num_ctx: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 16777216,
        description: 'Context tokens; a change reloads the model.',
      }),
    ),
    num_batch: Type.Optional(Type.Integer({ description: loading })),
    num_gpu: Type.Optional(Type.Integer({ description: loading })),
    main_gpu: Type.Optional(Type.Integer({ description: loading })),
    num_thread: Type.Optional(Type.Integer({ description: loading })),
    draft_num_predict: Type.Optional(Type.Integer({ description: loading })),
    use_mmap: Type.Optional(Type.Boolean({ description: loading })),
  },
  { description: 'Sampling and loading options; unknown ones are ignored.' },
);
export type OllamaOptions = Static<typeof OllamaOptions>;
