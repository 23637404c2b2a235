import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one request in its own way; what is left over repeats the last. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly authorization: string | undefined;
  }[];
  script(...answers: Answer[]): void;
  close(): Promise<void>;
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

/** Breaks the connection before an answer. */
export const reset: Answer = (request) => {
  request.socket.resetAndDestroy();
};

/** Never answers. */
export const silence: Answer = () => undefined;

/** An HTTP server that does as it is told, for what a real API server does seldom. */
export const startScriptedServer = async (): Promise<ScriptedServer> => {
  const requests: ScriptedServer['requests'] = [];
  let answers: Answer[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, authorization: headers.authorization });
    request.resume();
    const next = answers.length > 1 ? answers.shift() : answers[0];
    (next ?? json(404, {}))(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script: (...given) => {
      answers = given;
      requests.length = 0;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
