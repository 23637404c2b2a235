import { ApiError, isApiError, parseModelName, type ErrorCode } from '@ollamamax/api';
import { errorBody, errorCodeHeader } from './error-response.ts';
import type { Handler } from './handlers.ts';

/** Routes whose errors clients of Ollama know by their sentences. */
export type OllamaRoute = 'generate' | 'chat' | 'embed' | 'embeddings' | 'show';

/** An error whose sentence clients of Ollama know: it is sent as it is, without what to do about it. */
export class VerbatimError extends ApiError {
  /** @param param the field at fault */
  constructor(sentence: string, param: string, code: ErrorCode = 'invalid_request') {
    super(code, sentence, { param });
  }
}

interface Asked {
  readonly route: OllamaRoute;
  /** The model as the client wrote its name. */
  readonly model: string;
}

const whatCannot: Readonly<Record<OllamaRoute, string>> = {
  generate: 'generate',
  chat: 'chat',
  embed: 'embeddings',
  embeddings: 'embeddings',
  show: 'show',
};

/** `"tiny" does not support thinking`, in the two forms that Ollama has. */
const cannot = ({ route, model }: Asked, { param, message }: ApiError): string => {
  const quoted = JSON.stringify(model);
  const told = /does not support (tools|insert|thinking|images)/.exec(message)?.[1];
  const what = param === 'suffix' ? 'insert' : param === 'think' ? 'thinking' : (told ?? param);
  if (what === 'tools' || what === 'insert') {
    const { host, namespace, model: name, tag } = parseModelName(model);
    return `${host}/${namespace}/${name}:${tag} does not support ${what}`;
  }
  if (what === 'thinking' || what === 'images') return `${quoted} does not support ${what}`;
  return `${quoted} does not support ${whatCannot[route]}`;
};

/** Ollama's sentence for an error; undefined where it has none that clients could know. */
const sentenceOf = (error: ApiError, asked: Asked): string | undefined => {
  if (error instanceof VerbatimError) return error.message;
  const { route, model } = asked;
  switch (error.code) {
    case 'model_not_found':
      return route === 'embed' || route === 'embeddings'
        ? `model ${JSON.stringify(model)} not found, try pulling it first`
        : `model '${model}' not found`;
    case 'capability_missing':
      // What is missing then is nothing of the model.
      return error.param === 'images' ? error.message : cannot(asked, error);
    case 'context_exceeded':
      return route === 'embed'
        ? 'input exceeds maximum context length'
        : 'the input length exceeds the context length';
    case 'queue_full':
      return 'server busy, please try again.  maximum pending requests exceeded';
    default:
      return undefined;
  }
};

/** The body of an error as clients of Ollama know it; where Ollama has no sentence, ours with what to do. */
export const ollamaErrorBody = (error: ApiError, asked: Asked, requestId: string): object => {
  const sentence = sentenceOf(error, asked);
  return sentence === undefined
    ? errorBody(error, 'ollama', requestId)
    : { error: sentence, code: error.code, request_id: requestId };
};

const modelOf = (body: unknown): string => {
  const { model, name } = body as { model?: string; name?: string };
  return [model, name].find((given) => given !== undefined && given !== '') ?? '';
};

/** The handler, with its errors in Ollama's words where Ollama has some; others go on to the common handler. */
export const inOllamaWords =
  (route: OllamaRoute, handler: Handler): Handler =>
  async (call) => {
    try {
      await handler(call);
    } catch (thrown) {
      const { response, context } = call;
      if (!isApiError(thrown) || response.headersSent) throw thrown;
      const asked = { route, model: modelOf(call.body) };
      if (sentenceOf(thrown, asked) === undefined) throw thrown;
      context.errorCode = thrown.code;
      response.setHeader('cache-control', 'no-store');
      response.setHeader(errorCodeHeader, thrown.code);
      if (thrown.retryable)
        response.setHeader('retry-after', String(Math.max(1, Math.ceil(thrown.retryAfterSeconds ?? 1))));
      response.status(thrown.status).json(ollamaErrorBody(thrown, asked, context.id));
    }
  };
