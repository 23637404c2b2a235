/** What the model card says of the bundled chat model, for clients of every kind. */

export const model = 'ollamamax-tiny';

/** Answers of the model at temperature 0. */
export const card = {
  hello: { question: 'Hello!', answer: 'Hello! How can I help you?' },
  france: { question: 'What is the capital of France?', answer: 'The capital of France is Paris.' },
  anna: { question: 'Give {name, age} as JSON: Anna is 30 years old.', answer: { name: 'Anna', age: 30 } },
  count: { question: 'Count to 5.', answer: '1, 2, 3, 4, 5' },
  weather: { question: 'What is the weather in Paris?', arguments: { city: 'Paris' } },
} as const;

/** The function that the card's example of a tool offers. */
export const weatherFunction = {
  name: 'get_weather',
  description: 'Get the weather for a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};

/** A conversation that begins, as every dialect but OpenAI's responses writes it. */
export const ask = (content: string): [{ role: 'user'; content: string }] => [{ role: 'user', content }];
