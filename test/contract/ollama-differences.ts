/**
 * What is meant to differ from the real Ollama, each with its reason. docs/compatibility.md tells the same sentences;
 * any other difference fails the tests.
 */
export const differences = {
  otherVersion: 'The Ollama that is compared with is 0.12.6; newer versions answer as we do here.',
  fieldWords:
    'A field of a wrong type, a missing one and one out of its bounds are named by their path, in our own words.',
  bodyWords: 'What is wrong with a body as a whole is told in our own words, the same in every API.',
  modelRequired: 'A request without a model gets status 400 on every route; Ollama has 404 on some.',
  modelName:
    'A model name that is not well formed gets status 400 on every route; Ollama has 404 or 500 on some.',
  nameCase: 'Model names are compared without case on every route; Ollama 0.12.6 does so on some.',
  optionStatus: 'An option of a wrong type is a mistake of the client: status 400, and not 500.',
  optionBounds:
    'An option out of its bounds is refused; Ollama goes on with a value that means nothing, or crashes.',
  formatStatus:
    'A format that is neither "json" nor a schema is a mistake of the client: status 400, and not 500.',
  goTemplate:
    'Models here have Jinja templates. Of the Go templates in a request those of .System and .Prompt are understood.',
  roles:
    'A role that no template knows is refused; Ollama gives it to the template, which drops or mangles the message.',
  nullMessage: 'null is no message; Ollama takes it for an empty one.',
  images: 'Images for a model that sees none are refused; Ollama ignores them silently.',
  plainKeepAlive: 'A keep_alive that is a number as text counts as seconds; Ollama demands a unit.',
  licence: 'The licence is also told when only the GGUF file names it; Ollama knows that of a Modelfile.',
  agentField: '/api/ps says which agent holds the model: it may be several.',
  toolCallId: 'Every tool call has an id, as in newer versions of Ollama.',
  templateOfGguf:
    'The template of the GGUF file counts, so that a model has tools where Ollama was given a template without.',
  fillGap:
    'A model whose GGUF file names the tokens for it fills gaps; Ollama looks for .Suffix in the template.',
  pooling:
    'Vectors are pooled as the GGUF file says; Ollama 0.12.6 does not look for it in every architecture.',
  cutAt: 'A text to embed that is too long is cut to the whole context; Ollama leaves two tokens free.',
  prefill:
    'A conversation that ends with the assistant is gone on with where it ends; with Ollama that depends on the template.',
  manyDimensions: 'More dimensions than the vectors have are refused; Ollama gives what there is.',
  tooLong: 'A text that is too long gets status 400 on every route; Ollama has 500 on /api/embeddings.',
  jsonErrors:
    'Unknown paths and methods are answered with JSON, as all other errors; Ollama sends plain text.',
} as const;
export type Difference = keyof typeof differences;

/** A request both are sent, and what is meant to differ in the answer. */
export interface Comparison {
  readonly name: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object | string;
  /** Fields that only one of the two sends, as `models[].agent`. */
  readonly onlyOurs?: readonly string[];
  readonly onlyTheirs?: readonly string[];
  /** Our status where it differs. */
  readonly ourStatus?: number;
  /** The error is told in other words; nothing is said of them where the statuses differ. */
  readonly ourWords?: true;
  /** What a model says to it differs: text, number of tokens of the prompt, numbers of the vectors. */
  readonly ourFacts?: readonly ('text' | 'prompt_eval_count' | 'vectors')[];
  /** Why; goes with every one of these. */
  readonly because?: Difference | readonly Difference[];
}
