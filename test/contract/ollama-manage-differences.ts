import type { ListedDifference } from './listed-differences.ts';

const all = /^\/api\//;

/** What is meant to differ from Ollama in the requests that change which models there are. */
export const ollamaManageDifferences: readonly ListedDifference[] = [
  {
    because: 'Every error has a `code` and a `request_id` beside its sentence.',
    shown: [{ on: all, keys: ['+code', '+request_id'] }],
  },
  {
    because: 'Errors of the routes that change which models there are are told in our own words.',
    shown: [{ on: all, keys: ['words'] }],
  },
  {
    because:
      'Unknown paths and methods are answered with JSON, as all other errors; Ollama sends plain text.',
    shown: [{ on: all, keys: ['content-type application/json text/plain', '+error'] }],
  },
  {
    because: 'An empty answer is called text/plain; Ollama does not call it anything.',
    shown: [{ on: all, keys: ['content-type text/plain none'] }],
  },
  {
    because:
      'An upload whose bytes have another digest leaves nothing; Ollama keeps them under the digest they have.',
    shown: [{ requests: ['upload'], keys: ['status 201 200'] }],
  },
  {
    because:
      'A digest has the form `sha256:` with 64 hexadecimal digits; Ollama takes a dash for the colon, too.',
    shown: [{ requests: ['HEAD of a blob with a dash'], keys: ['status 400 200'] }],
  },
  {
    because:
      'A model and a file that nobody has get status 404, and a field that is no good 400, where Ollama has 500 or says so in the stream.',
    shown: [
      { requests: ['create from a file nobody has', 'push of nobody'], keys: ['status 404 500'] },
      { requests: ['push of nobody, as a stream'], keys: ['status 404 200'] },
      {
        requests: [
          'create from a file with an odd digest',
          'create with an unknown quantization',
          'pull by http that is not allowed',
          'push a bad name',
        ],
        keys: ['status 400 500'],
      },
    ],
  },
  {
    because: 'A model that another is made from has to be there: it is not fetched on the way.',
    shown: [{ requests: ['create from nobody'], keys: ['status 404 500'] }],
  },
  {
    because: 'A registry that does not answer is told by status 502, and not 500.',
    shown: [
      {
        requests: ['pull from nowhere', 'pull from nowhere without encryption', 'pull by http'],
        keys: ['status 502 500'],
      },
    ],
  },
  {
    because: 'The licence is also told when only the GGUF file names it; Ollama knows that of a Modelfile.',
    shown: [{ on: all, keys: ['+license'] }],
  },
  {
    because: 'The Ollama that is compared with is 0.12.6; newer versions answer as we do here.',
    shown: [{ requests: ['tags'], keys: ['+models[].capabilities'] }],
  },
];
