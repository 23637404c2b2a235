import {
  ApiError,
  canonicalModelName,
  type InferenceRequest,
  type ToolChoice,
  type ToolDefinition,
} from '@ollamamax/api';
import type { RequestContext } from './request-context.ts';

/** Parts that every request has, whichever dialect it came in. @throws ApiError invalid_model_name */
export const requestHead = (model: string, context: RequestContext) => ({
  id: context.id,
  model: canonicalModelName(model),
  sampling: {},
  ...(context.user === undefined ? {} : { user: context.user.name }),
});

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined | null> };

/** The fields that have a value. */
export const present = <T extends object>(fields: T): Partial<Present<T>> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<Present<T>>;

/** Object out of JSON text that a model wrote earlier. @throws ApiError invalid_request */
export const parseArguments = (text: string, param: string): Record<string, unknown> => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new ApiError('invalid_request', `${param} is not valid JSON.`, { param, cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ApiError('invalid_request', `${param} must be a JSON object.`, { param });
  return parsed as Record<string, unknown>;
};

/** What a dialect says of tools, in one form. */
export interface ToolWishes {
  readonly tools: readonly ToolDefinition[];
  readonly choice: ToolChoice;
  /** Only these may be called. */
  readonly allowed?: readonly string[];
  readonly parallel: boolean | undefined;
}

/**
 * The parts of a chat input that concern tools; none without tools.
 * @throws ApiError invalid_request when a call is demanded that no tool can serve
 */
export const toolInput = ({
  tools,
  choice,
  allowed,
  parallel,
}: ToolWishes): { tools?: ToolDefinition[]; toolChoice?: ToolChoice; parallelToolCalls?: boolean } => {
  const wanted = [...(allowed ?? []), ...(typeof choice === 'object' ? [choice.name] : [])];
  const missing = wanted.find((name) => !tools.some((tool) => tool.name === name));
  if (missing !== undefined)
    throw new ApiError('invalid_request', `tool_choice names "${missing}", which is not among tools.`, {
      param: 'tool_choice',
    });
  if (choice === 'required' && tools.length === 0)
    throw new ApiError('invalid_request', 'tool_choice demands a call, but there are no tools.', {
      param: 'tool_choice',
    });
  const left = tools.filter(({ name }) => allowed === undefined || allowed.includes(name));
  if (left.length === 0) return {};
  return {
    tools: left,
    ...(choice === 'auto' ? {} : { toolChoice: choice }),
    ...(parallel === undefined ? {} : { parallelToolCalls: parallel }),
  };
};

/**
 * The same request several times, for several answers; each has an id of its own. With a seed each next one takes
 * the next seed: the same would give the same answer.
 */
export const answersOf = (request: InferenceRequest, count: number): InferenceRequest[] =>
  Array.from({ length: count }, (_, index) => {
    if (index === 0) return request;
    const { seed } = request.sampling;
    return {
      ...request,
      id: `${request.id}-${index}`,
      sampling:
        seed === undefined || seed < 0 ? request.sampling : { ...request.sampling, seed: seed + index },
    };
  });
