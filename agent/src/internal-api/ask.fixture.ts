import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TlsMaterial } from '@ollamamax/common';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

/** One request to the internal API with these certificates, or as many of them as are given. */
export const askAs = (
  { ca, cert, key }: Partial<TlsMaterial>,
  port: number,
  method: string,
  path: string,
  body?: string,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
        ...(ca === undefined ? {} : { ca }),
        agent: false,
        host: '127.0.0.1',
        port,
        method,
        path,
        servername: '',
        checkServerIdentity: () => undefined,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });

/** Code of an error that was answered. */
export const codeIn = (answer: Answer): unknown => (JSON.parse(answer.body) as { code?: unknown }).code;
