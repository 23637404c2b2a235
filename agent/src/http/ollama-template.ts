import { VerbatimError } from './ollama-errors.ts';

/** What a Go template of Ollama has in its actions: a dot before a name, or a word of control. */
const goAction = /\{\{-?\s*(?:\.[A-Z$]|\$|(?:if|else|end|range|with|define|block|template)\b)/;

const actionPattern = /\{\{(-?)\s*(.*?)\s*(-?)\}\}/gs;

// Jinja's own blocks would swallow the line break behind them, so everything becomes an expression.
const values: Readonly<Record<string, string>> = {
  '.System': "(messages[0]['content'] if messages[0]['role'] == 'system' else '')",
  '.Prompt': "messages[-1]['content']",
};

type Token =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'action'; readonly action: string };

/** Texts and actions in turn, blanks cut where an action says so. */
const tokens = (template: string): Token[] => {
  const found: Token[] = [];
  let at = 0;
  let cutNext = false;
  const text = (end: number, cutEnd: boolean): void => {
    let part = template.slice(at, end);
    if (cutNext) part = part.trimStart();
    if (cutEnd) part = part.trimEnd();
    if (part !== '') found.push({ kind: 'text', text: part });
  };
  for (const match of template.matchAll(actionPattern)) {
    const [all, before, action = '', after] = match;
    text(match.index, before === '-');
    found.push({ kind: 'action', action });
    at = match.index + all.length;
    cutNext = after === '-';
  }
  text(template.length, false);
  return found;
};

/** One piece of text that depends on conditions, as Jinja expression. */
const expression = (value: string, conditions: readonly string[]): string =>
  conditions.length === 0 ? `{{ ${value} }}` : `{{ ${value} if ${conditions.join(' and ')} else '' }}`;

/**
 * A Go template of Ollama as Jinja template: of those that put a system message and a prompt together, with
 * `{{ .System }}`, `{{ .Prompt }}`, `if` and `else` about them. What is behind `{{ .Response }}` is left out, as
 * Ollama does while it generates.
 * @returns undefined when it has more than that
 */
const fromGo = (template: string): string | undefined => {
  const out: string[] = [];
  const conditions: string[] = [];
  for (const token of tokens(template)) {
    if (token.kind === 'text') {
      // Begins an action that has no end.
      if (token.text.includes('{{')) return undefined;
      out.push(expression(JSON.stringify(token.text), conditions));
      continue;
    }
    const { action } = token;
    const value = values[action];
    const condition = /^if\s+(\.\w+)$/.exec(action)?.[1];
    if (action === '.Response') return conditions.length === 0 ? out.join('') : undefined;
    if (value !== undefined) out.push(expression(value, conditions));
    else if (condition !== undefined) {
      const tested = values[condition];
      if (tested === undefined) return undefined;
      conditions.push(`(${tested} != '')`);
    } else {
      const innermost = conditions.pop();
      if (innermost === undefined) return undefined;
      if (action === 'else') conditions.push(`(not ${innermost})`);
      else if (action !== 'end') return undefined;
    }
  }
  return conditions.length === 0 ? out.join('') : undefined;
};

/**
 * The template of a request as Jinja, which models here are served with.
 * @throws VerbatimError for a Go template that is more than system message and prompt
 */
export const toJinja = (template: string): string => {
  if (!goAction.test(template)) return template;
  const jinja = fromGo(template);
  if (jinja === undefined)
    throw new VerbatimError(
      'template is a Go template with more than .System and .Prompt, which cannot be used here: send a Jinja template, or a finished prompt with raw: true',
      'template',
      'template_failed',
    );
  return jinja;
};
