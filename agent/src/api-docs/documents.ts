import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { openApiDocument } from '@ollamamax/api/openapi';
import { pageHtml } from './page.ts';

/** A document that stays the same as long as the process runs. */
export interface StaticDocument {
  readonly body: Buffer;
  readonly zipped: Buffer;
  /** Weak: the same for both forms. */
  readonly etag: string;
}

const document = (text: string): StaticDocument => {
  const body = Buffer.from(text);
  return {
    body,
    zipped: gzipSync(body),
    etag: `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
};

const fileBeside = (name: string): Promise<string> => readFile(new URL(name, import.meta.url), 'utf8');

/** Makes what describes the API: the OpenAPI document and the page for people with its style and script. */
export const makeDocuments = async () => ({
  openapi: document(JSON.stringify(openApiDocument())),
  docs: document(pageHtml()),
  docsStyle: document(await fileBeside('page.css')),
  docsScript: document(await fileBeside('page.js')),
});
