import { describe, expect, test } from '@jest/globals';
import { curlCommand } from './curl.ts';

describe('curlCommand', () => {
  test('quotes the body for a shell and never holds a token', () => {
    const command = curlCommand({
      apiUrl: 'http://127.0.0.1:8080/',
      auth: true,
      body: { messages: [{ role: 'user', content: "it's $HOME" }] },
    });
    expect(command).toBe(
      [
        `curl -N 'http://127.0.0.1:8080/api/chat' \\`,
        `  -H "Authorization: Bearer $OLLAMAMAX_TOKEN" \\`,
        `  -H 'Content-Type: application/json' \\`,
        String.raw`  -d '{"messages":[{"role":"user","content":"it'\''s $HOME"}]}'`,
      ].join('\n'),
    );
  });

  test('leaves the header out without authentication', () => {
    expect(curlCommand({ apiUrl: 'http://a', auth: false, body: {} })).not.toContain('Authorization');
  });
});
