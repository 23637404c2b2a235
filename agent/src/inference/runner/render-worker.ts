import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { parseTemplate, RaisedByTemplate, renderTemplate, type Program } from './template-interpreter.ts';

/**
 * Renders chat templates away from everything else: a template comes with a downloaded file and may loop for
 * ever or grow without end, and this thread can be ended without harm to running requests.
 */
export interface RenderRequest {
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly maxUnits: number;
}

export type RenderReply =
  | { readonly type: 'started' }
  | { readonly type: 'rendered'; readonly text: string }
  /** By the template's own words: another conversation it may take. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

const compiled = new Map<string, Program>();
const maxCompiled = 4;

const compile = (source: string): Program => {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const template = parseTemplate(source);
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(source, template);
  return template;
};

const render = (request: RenderRequest): RenderReply => {
  try {
    const text = renderTemplate(compile(request.template), request.variables);
    return text.length > request.maxUnits
      ? { type: 'failed', message: `it produces more than ${request.maxUnits} characters` }
      : { type: 'rendered', text };
  } catch (error) {
    const type = error instanceof RaisedByTemplate ? 'refused' : 'failed';
    return { type, message: error instanceof Error ? error.message : String(error) };
  }
};

// It is ended from outside, which writes nothing.
flushCompileCache();

const port = parentPort;
port?.on('message', (request: RenderRequest) => {
  port.postMessage({ type: 'started' } satisfies RenderReply);
  port.postMessage(render(request) satisfies RenderReply);
});
