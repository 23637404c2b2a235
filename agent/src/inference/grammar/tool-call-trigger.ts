import { literal } from './gbnf-text.ts';
import { textUpTo, toLines } from './text-up-to.ts';
import { pythonKey, unescapedKey, writtenName, type ToolCallSyntax } from './tool-call-syntax.ts';

/** Any JSON object. White space and digits are bounded: small models go on with them for ever. */
const json = [
  'object ::= "{" ws (pair ("," ws pair)* ws)? "}"',
  'pair ::= string ":" ws value',
  'value ::= object | array | string | number | "true" | "false" | "null"',
  'array ::= "[" ws (value ("," ws value)* ws)? "]"',
  'string ::= "\\"" char* "\\""',
  'char ::= [^"\\\\\\x00-\\x1f\\x7f] | "\\\\" ["\\\\/bfnrt] | "\\\\u" [0-9a-fA-F]{4}',
  'number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
  'ws ::= "" | " " | "\\n" [ \\t]{0,20}',
];

/** Any value of Python, or of JSON. */
const python = [
  'value ::= dict | list | string | number | "True" | "False" | "None" | "true" | "false" | "null"',
  'dict ::= "{" ws (pair ("," ws pair)* ws)? "}"',
  'pair ::= string ":" ws value',
  'list ::= "[" ws (value ("," ws value)* ws)? "]"',
  String.raw`string ::= "\"" ([^"\\\x00-\x1f\x7f] | escape)* "\"" | "'" ([^'\\\x00-\x1f\x7f] | escape)* "'"`,
  String.raw`escape ::= "\\" ["'\\/bfnrt] | "\\u" [0-9a-fA-F]{4}`,
  'number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
  String.raw`ws ::= "" | " " | "\n" [ \t]{0,20}`,
];

/** A name of such letters; none before it is a blank. */
const nameOf = (letter: string): string => `${letter.replace(/\]$/, ' ]')} ${letter}{0,127}`;

/** Values with texts between marks instead of quotes, and names without any. */
const unescaped = (quote: string): readonly string[] => [
  'value ::= text | dict | list | number | "true" | "false" | "null"',
  'dict ::= "{" ws (pair ("," ws pair)* ws)? "}"',
  `pair ::= (text | ${nameOf(unescapedKey)}) ":" ws value`,
  'list ::= "[" ws (value ("," ws value)* ws)? "]"',
  `text ::= ${literal(quote)} quoted-0`,
  ...toLines(textUpTo({ mark: quote, nameOf: (seen) => `quoted-${seen}`, behind: [], mayEnd: false })),
  'number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
  String.raw`ws ::= "" | " " | "\n" [ \t]{0,20}`,
];

/** More calls in one answer are a model that does not end. */
const maxCalls = 128;

export interface TriggeredCalls {
  /** Names of the tools there are. */
  readonly names: readonly string[];
  readonly parallel: boolean;
  readonly syntax: ToolCallSyntax;
  /** With one of these a call begins. */
  readonly openings: readonly string[];
}

/**
 * A grammar for an answer that says what it likes, and makes whole calls of tools there are once it has begun one. The
 * arguments may be anything: a model that chooses freely knows the order of its own.
 * @returns GBNF; undefined: calls of this form begin with nothing that tells them from text
 */
export const triggeredCallGrammar = ({
  names,
  parallel,
  syntax,
  openings,
}: TriggeredCalls): string | undefined => {
  const { separator, close } = syntax;
  const [beforeName, beforeArguments, behind] = syntax.call;
  const opening = syntax.begin ?? openings.find((one) => (syntax.open + beforeName).startsWith(one));
  if (opening === undefined || opening === false) return undefined;
  const rest = (syntax.open + beforeName).slice(opening.length);
  const written = names.map((name) => literal(writtenName(syntax, name) + beforeArguments));
  const more = parallel && separator !== undefined ? ` more{0,${maxCalls - 1}}` : '';
  const text = textUpTo({ mark: opening, nameOf: (seen) => `text-${seen}`, behind: ['calls'], mayEnd: true });
  // A line break behind a call may be the end as well as the way to the next one.
  return [
    'root ::= text-0',
    ...toLines(text),
    `calls ::= [ \\n]{0,2} ${literal(rest.trimStart())} call${more} ${literal(close)} [ \\n]{0,2}`,
    `call ::= (${written.join(' | ')}) arguments ${literal(behind)}`,
    ...(more === '' ? [] : [`more ::= ${literal((separator ?? '') + beforeName)} call`]),
    ...argumentLines(syntax),
    '',
  ].join('\n');
};

const argumentLines = (syntax: ToolCallSyntax): readonly string[] => {
  const { tagged, keywords, kinds, nameEnd, quote } = syntax;
  if (keywords !== undefined) {
    const [assign, separator] = keywords;
    return [
      `arguments ::= (argument (${literal(separator)} argument){0,63})?`,
      `argument ::= ${nameOf(quote === undefined ? pythonKey : unescapedKey)} ${literal(assign)} value`,
      ...(quote === undefined ? python : unescaped(quote)),
    ];
  }
  if (tagged === undefined) return ['arguments ::= object', ...json];
  const [beforeName, beforeValue, behind] = tagged;
  // A quote ends it where one stands around it.
  const name = beforeValue.startsWith('"') ? '[^<>"\\n]{1,128}' : '[^<>\\n]{1,128}';
  const kind =
    kinds === undefined
      ? ''
      : ` (${[kinds.text, ...kinds.others].map((one) => literal(one)).join(' | ')}) ${literal(kinds.behind)}`;
  const end = nameEnd === undefined ? [] : [name, literal(nameEnd)];
  const value = textUpTo({ mark: behind, nameOf: (seen) => `value-${seen}`, behind: end, mayEnd: false });
  // Where tags bear names there may be more of them inside.
  const inner = end.length === 0 ? '' : ` | argument{1,64} ${[literal(behind), ...end].join(' ')}`;
  return [
    'arguments ::= argument{0,64}',
    `argument ::= ${literal(beforeName)} ${name} ${literal(beforeValue)}${kind} (value-0${inner})`,
    ...toLines(value),
  ];
};
