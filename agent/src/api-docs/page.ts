import { routes, version, type Dialect, type Route } from '@ollamamax/api';
import { dialectTexts, introduction } from '@ollamamax/api/openapi';
import { escapeHtml, proseHtml } from './html.ts';
import { operationHtml } from './operation-html.ts';

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%234c5fd5'/%3E%3C/svg%3E";

const entries = Object.entries<Route>(routes);

const ofDialect = (dialect: string): [string, Route][] =>
  entries.filter(([, route]) => route.dialect === dialect);

const linkHtml = ([id, route]: [string, Route]): string =>
  `<li data-for="${id}"><a href="#${id}"><span class="method" data-method="${route.method}">${route.method.toUpperCase()}</span> <span class="path">${escapeHtml(route.path).replaceAll('/', '/<wbr>')}</span></a></li>`;

const dialects = Object.entries(dialectTexts) as [Dialect, (typeof dialectTexts)[Dialect]][];

/** The API as one page: all of it is in the HTML, the script only filters and copies. */
export const pageHtml = (): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>OllamaMax API</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="docs/page.css">
<script src="docs/page.js" type="module"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<p class="brand">OllamaMax API <span class="version">${version}</span></p>
<p><a href="openapi.json">openapi.json</a></p>
</header>
<div class="columns">
<nav aria-label="Routes">
<p class="filter" hidden><label for="filter">Find a route</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="chat, /v1, login …"></p>
<p id="found" class="found" role="status"></p>
${dialects
  .map(
    ([dialect, { tag }]) =>
      `<div class="group"><p class="tag"><a href="#api-${dialect}">${tag}</a></p><ul>${ofDialect(dialect).map(linkHtml).join('')}</ul></div>`,
  )
  .join('\n')}
</nav>
<main id="content" tabindex="-1">
<h1>The API of OllamaMax</h1>
<div id="introduction">
${introduction.map((text) => `<p>${proseHtml(text)}</p>`).join('\n')}
</div>
${dialects
  .map(
    ([dialect, { tag, text }]) =>
      `<div class="group"><h2 id="api-${dialect}">${tag}</h2><p>${proseHtml(text)}</p>\n${ofDialect(dialect)
        .map(([id, route]) => operationHtml(id, route))
        .join('\n')}</div>`,
  )
  .join('\n')}
</main>
</div>
</body>
</html>
`;
