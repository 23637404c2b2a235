import { ApiError } from './errors.ts';

/** Parts of a model name as Ollama reads it: `[host/][namespace/]model[:tag]`. */
export interface ModelName {
  readonly host: string;
  readonly namespace: string;
  readonly model: string;
  readonly tag: string;
}

const defaults = { host: 'registry.ollama.ai', namespace: 'library', tag: 'latest' } as const;

// Ollama's rules: each part starts with a letter, digit or "_"; then also "-", and "." in model, tag and host.
const partPattern = {
  host: /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}$/,
  namespace: /^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$/,
  model: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/,
  tag: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/,
} as const;

/**
 * Reads a model name and fills in Ollama's defaults.
 * @throws ApiError invalid_model_name
 */
export const parseModelName = (text: string): ModelName => {
  const invalid = (): never => {
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    throw new ApiError('invalid_model_name', `${JSON.stringify(shown)} is not a valid model name.`, {
      param: 'model',
    });
  };
  if (text.length === 0 || text.length > 600) return invalid();
  const slashParts = text.split('/');
  if (slashParts.length > 3) return invalid();
  const last = slashParts.at(-1) ?? '';
  const colon = last.indexOf(':');
  const model = colon < 0 ? last : last.slice(0, colon);
  const tag = colon < 0 ? defaults.tag : last.slice(colon + 1);
  const namespace = slashParts.length >= 2 ? (slashParts.at(-2) ?? '') : defaults.namespace;
  const host = slashParts.length === 3 ? (slashParts[0] ?? '') : defaults.host;
  const ok =
    partPattern.host.test(host) &&
    partPattern.namespace.test(namespace) &&
    partPattern.model.test(model) &&
    partPattern.tag.test(tag);
  return ok ? { host, namespace, model, tag } : invalid();
};

/** Shortest form with the tag always shown, lower case, as Ollama lists names: `ollamamax-tiny:latest`. */
export const canonicalModelName = (text: string): string => {
  const name = parseModelName(text);
  const prefix =
    name.host.toLowerCase() !== defaults.host
      ? `${name.host}/${name.namespace}/`
      : name.namespace.toLowerCase() !== defaults.namespace
        ? `${name.namespace}/`
        : '';
  return `${prefix}${name.model}:${name.tag}`.toLowerCase();
};
