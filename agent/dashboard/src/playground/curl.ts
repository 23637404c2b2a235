const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The same request for a terminal. The token stays in a variable: a copied command is soon in a history file. */
export const curlCommand = (request: {
  readonly apiUrl: string;
  readonly auth: boolean;
  readonly body: unknown;
}): string =>
  [
    `curl -N ${quote(`${request.apiUrl.replace(/\/$/, '')}/api/chat`)}`,
    ...(request.auth ? ['-H "Authorization: Bearer $OLLAMAMAX_TOKEN"'] : []),
    `-H 'Content-Type: application/json'`,
    `-d ${quote(JSON.stringify(request.body))}`,
  ].join(' \\\n  ');
