import { errorsOf, routes, type Dialect, type Route } from '../routes.ts';
import { fieldTable } from './field-table.ts';
import { code, page, table } from './markdown.ts';
import { toJsonSchema, typeText } from '../openapi/schema-text.ts';

const dialects: readonly (readonly [Dialect, string, string])[] = [
  ['ollama', "Ollama's API", 'Unknown fields are ignored, as Ollama does.'],
  [
    'openai',
    "OpenAI's API",
    'Unknown fields are ignored. What a model thinks is `reasoning_content` of messages and deltas, as with llama-server and DeepSeek; in messages of a request `reasoning` is taken too.',
  ],
  [
    'anthropic',
    "Anthropic's API",
    'Unknown fields are ignored. `x-api-key` does the same as `Authorization: Bearer`.',
  ],
  ['native', "OllamaMax's own API", 'Unknown fields are refused.'],
];

const intro = `All of it is on port 8080 of every agent, and any agent answers for the whole cluster. The same as OpenAPI 3.1:
[openapi.json](openapi.json), which every agent serves at \`/openapi.json\`, and as a page at \`/docs\`. Errors: [errors.md](errors.md). Live events: [events.md](events.md).

With authentication on, send \`Authorization: Bearer TOKEN\`; the role of the user must be at least the one named with
the route. Probes without authentication: \`GET /livez\` and \`GET /readyz\`. A \`GET\` route also answers \`HEAD\`; another
method is answered 405 with \`Allow\`.

Every error of a route carries its code in the header \`X-OllamaMax-Error\` as well. A client that sends \`X-Report-Queue: true\` is told
where its request stands while it waits: first in the header \`X-Queue-Position\`, and in streams of events by comments
such as \`: queue position=3 expected-wait=1.2\` (seconds).`;

const heading = (route: Route): string => `${route.method.toUpperCase()} ${route.path}`;

const anchor = (route: Route): string =>
  `#${heading(route)
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')}`;

const role = (route: Route): string => (route.access === 'public' ? 'none' : route.access);

const overview = (list: readonly Route[]): string =>
  table(
    ['Route', 'What', 'Role', 'Stream'],
    list.map((route) => [
      `[${code(heading(route))}](${anchor(route)})`,
      route.summary + (route.unavailable !== undefined ? ' (not in this version)' : ''),
      role(route),
      route.streams === undefined ? '' : code(route.streams),
    ]),
  );

const errorLinks = (route: Route): string =>
  `Errors: ${errorsOf(route)
    .map((name) => `[${code(name)}](errors.md#${name})`)
    .join(', ')}.`;

const answerOf = (response: Route['response']): string[] => {
  if (response === undefined) return ['Answer: plain text.'];
  const schema = toJsonSchema(response);
  const forms = schema.anyOf ?? [schema];
  if (!forms.every(({ properties }) => properties !== undefined)) return ['Answer: plain text.'];
  return forms.flatMap((form, index) => [index === 0 ? 'Answer:' : 'Or:', fieldTable(form)]);
};

const details = (route: Route): string[] => {
  const title = `### ${heading(route)}`;
  const lead = `${route.summary}. Role: ${role(route)}.`;
  if (route.unavailable !== undefined)
    return [
      title,
      `${lead} Not in this version: answered 501 [\`not_implemented\`](errors.md#not_implemented).`,
    ];
  const { body, response, streams, streamItem } = route;
  const parts = Object.entries(route.query ?? {}).map(
    ([name, schema]) =>
      `- ${code(`?${name}=`)} ${typeText(toJsonSchema(schema))}. ${toJsonSchema(schema).description ?? ''}`,
  );
  return [
    title,
    lead,
    ...(route.description === undefined ? [] : [route.description]),
    ...(parts.length === 0 ? [] : [parts.join('\n')]),
    ...(body === undefined ? [] : ['Request body:', fieldTable(toJsonSchema(body))]),
    ...answerOf(response),
    ...(streams === undefined || streamItem === undefined
      ? []
      : [
          `As a stream (${code(streams)}) each ${streams === 'text/event-stream' ? 'event' : 'line'} carries:`,
          fieldTable(toJsonSchema(streamItem)),
        ]),
    errorLinks(route),
  ];
};

/** `docs/reference/api.md`: every route with its fields. */
export const apiReference = (): string =>
  page('API', '`api/src/routes.ts` and `api/src/rest/`', [
    intro,
    ...dialects.flatMap(([dialect, title, note]) => {
      const list = Object.values<Route>(routes).filter((route) => route.dialect === dialect);
      return [`## ${title}`, note, overview(list), ...list.flatMap(details)];
    }),
  ]);
