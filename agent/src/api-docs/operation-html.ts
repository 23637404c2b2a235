import { errorCatalogue, errorsOf, type Dialect, type Route } from '@ollamamax/api';
import {
  fieldsOf,
  isGroup,
  toJsonSchema,
  typeText,
  type Field,
  type JsonSchema,
} from '@ollamamax/api/openapi';
import { escapeHtml, proseHtml } from './html.ts';

/** Where the examples go until the page puts the address in that it came from. */
const exampleOrigin = 'http://127.0.0.1:8080';

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Dialects whose own clients send a content type, which those of Ollama do not. */
const namesContentType: Readonly<Record<Dialect, boolean>> = {
  ollama: false,
  openai: true,
  anthropic: true,
  native: true,
};

const pathOf = (route: Route): string =>
  route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const schema = route.parameters?.[name];
    const [example] = schema === undefined ? [] : (toJsonSchema(schema).examples ?? []);
    return typeof example === 'string' ? encodeURIComponent(example).replaceAll('%3A', ':') : name;
  });

/** A command for the terminal that calls the route. */
const curlHtml = (route: Route): string => {
  const { method, example, upload } = route;
  const implied = method === 'get' || (method === 'post' && (example !== undefined || upload === true));
  const flags = [
    ...(implied ? [] : [method === 'head' ? '--head' : `-X ${method.toUpperCase()}`]),
    ...(route.access === 'public' ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...(example !== undefined && namesContentType[route.dialect]
      ? ["-H 'Content-Type: application/json'"]
      : []),
    ...(upload === true ? ['--data-binary @FILE'] : []),
    ...(example === undefined ? [] : [`-d ${quoted(JSON.stringify(example))}`]),
  ];
  const address = `<span class="origin">${exampleOrigin}</span>${escapeHtml(pathOf(route))}`;
  return [`curl ${address}`, ...flags.map(escapeHtml)].join(' \\\n  ');
};

const fieldHtml = ({ path, schema, required }: Field): string => {
  const { description, default: preset } = schema;
  return [
    `<li><code class="name">${escapeHtml(path)}</code> <span class="type">${proseHtml(typeText(schema))}</span>`,
    required ? ' <strong class="required">required</strong>' : '',
    preset === undefined
      ? ''
      : ` <span class="type">default <code>${escapeHtml(JSON.stringify(preset))}</code></span>`,
    description === undefined ? '' : `<p>${proseHtml(description)}</p>`,
    '</li>',
  ].join('');
};

const fieldListHtml = (schema: JsonSchema): string =>
  `<ul class="fields">${fieldsOf(schema)
    .filter((field) => !isGroup(field.schema))
    .map(fieldHtml)
    .join('')}</ul>`;

const part = (title: string, content: string): string =>
  `<details><summary>${title}</summary>${content}</details>`;

const parameterHtml = ([name, schema]: [string, NonNullable<Route['body']>]): string =>
  fieldHtml({ path: name, schema: toJsonSchema(schema), required: true });

const queryHtml = ([name, schema]: [string, NonNullable<Route['body']>]): string =>
  fieldHtml({ path: name, schema: toJsonSchema(schema), required: false });

const requestHtml = (route: Route): string[] => [
  ...(route.parameters === undefined
    ? []
    : [
        part(
          'Parameters of the path',
          `<ul class="fields">${Object.entries(route.parameters).map(parameterHtml).join('')}</ul>`,
        ),
      ]),
  ...(route.query === undefined
    ? []
    : [
        part(
          'Parameters behind the path',
          `<ul class="fields">${Object.entries(route.query).map(queryHtml).join('')}</ul>`,
        ),
      ]),
  ...(route.body === undefined ? [] : [part('Request body', fieldListHtml(toJsonSchema(route.body)))]),
  ...(route.upload === true ? [part('Request body', '<p>The bytes of the file.</p>')] : []),
];

const streamWords: Readonly<Record<NonNullable<Route['streams']>, string>> = {
  'application/x-ndjson': 'Stream: one JSON object a line',
  'text/event-stream': 'Stream: the data of each event',
};

const answerHtml = ({ response, streams, streamItem, contentType }: Route): string[] => {
  if (response === undefined) return [];
  const schema = toJsonSchema(response);
  const forms = schema.anyOf ?? [schema];
  const whole = forms.every(({ properties }) => properties !== undefined)
    ? forms.map(fieldListHtml).join('<p>or</p>')
    : `<p>${contentType ?? 'application/json'}</p>`;
  return [
    part('Answer', whole),
    ...(streams === undefined || streamItem === undefined
      ? []
      : [part(streamWords[streams], fieldListHtml(toJsonSchema(streamItem)))]),
  ];
};

const errorsHtml = (route: Route): string =>
  part(
    'Errors',
    `<ul class="fields">${errorsOf(route)
      .map((code) => {
        const { status, summary, action } = errorCatalogue[code];
        return `<li><code class="name">${status}</code> <code>${code}</code><p>${proseHtml(`${summary} ${action}`)}</p></li>`;
      })
      .join('')}</ul>`,
  );

const roleText = (route: Route): string =>
  route.access === 'public' ? 'no log-in needed' : `role ${route.access}`;

/** One route with an example, its request, its answer and its errors. */
export const operationHtml = (id: string, route: Route): string => {
  const method = route.method.toUpperCase();
  const { unavailable, streams, description } = route;
  return [
    `<section class="operation" id="${id}" data-text="${escapeHtml(`${method} ${route.path} ${route.summary} ${id}`.toLowerCase())}">`,
    `<h3><a href="#${id}"><span class="method" data-method="${route.method}">${method}</span> <span class="path">${escapeHtml(route.path).replaceAll('/', '/<wbr>')}</span></a></h3>`,
    `<p>${proseHtml(route.summary)}.</p>`,
    description === undefined ? '' : `<p>${proseHtml(description)}</p>`,
    `<p class="facts">${roleText(route)}${streams === undefined ? '' : ` · streams <code>${streams}</code>`}</p>`,
    unavailable === undefined
      ? `<pre data-what="${escapeHtml(`${method} ${route.path}`)}"><code>${curlHtml(route)}</code></pre>`
      : `<p class="notice">Not in this version. ${proseHtml(unavailable)}</p>`,
    ...(unavailable === undefined ? [...requestHtml(route), ...answerHtml(route)] : []),
    errorsHtml(route),
    '</section>',
  ].join('\n');
};
