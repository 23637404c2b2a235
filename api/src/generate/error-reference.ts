import { errorCatalogue, type CatalogueEntry } from '../error-catalogue.ts';
import { code, page, table } from './markdown.ts';

const forms = `Every error has a stable code. What a client sees depends on the API it used:

- **Ollama** paths: \`{"error": "what went wrong. What to do.", "code": "…", "request_id": "…"}\`
- **OpenAI** paths (\`/v1/…\`): \`{"error": {"message", "type", "param", "code", "request_id"}}\`
- **Our own** paths (\`/api/v1/…\`): problem details of RFC 9457, \`application/problem+json\`

Once the first byte of a stream has been sent the status can no longer change: the error is then the last line
(Ollama) or the last event (OpenAI) of the stream. "Retry" says whether the same request may succeed later without a
change; a 429 or 503 then carries \`Retry-After\` in seconds.`;

/** `docs/reference/errors.md`: the whole catalogue, one heading per code, so that codes can be linked to. */
export const errorReference = (): string => {
  const entries = Object.entries<CatalogueEntry>(errorCatalogue);
  return page('Errors', '`api/src/error-catalogue.ts`', [
    forms,
    table(
      ['Code', 'Status', 'Meaning'],
      entries.map(([name, { status, summary }]) => [`[${code(name)}](#${name})`, String(status), summary]),
    ),
    '## All codes',
    ...entries.flatMap(([name, { status, summary, action, retryable }]) => [
      `### ${name}`,
      `${summary}\n\n- Status: ${status}\n- What to do: ${action}\n- Retry: ${retryable ? 'yes' : 'no'}`,
    ]),
  ]);
};
