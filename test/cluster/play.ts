import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from './kubernetes/until.ts';
import { startStack } from './stack.ts';

const sample = readFileSync(
  fileURLToPath(new URL('../../manifests/samples/minimal.yaml', import.meta.url)),
  'utf8',
);

/** `npm run cluster`: everything from nothing to the first tokens, as a newcomer would do it. */
export const playInStack = async (options: {
  readonly keep: boolean;
  readonly progress: (line: string) => void;
  readonly say: (line: string) => void;
}): Promise<void> => {
  const { keep, progress, say } = options;
  const stack = await startStack({ keep, progress });
  try {
    const { cluster } = stack;
    progress('Applying manifests/samples/minimal.yaml');
    await cluster.kubectl(['apply', '-f', '-'], { stdin: sample });
    await cluster.kubectl(
      ['wait', '--for=condition=Ready', '--timeout=240s', 'ollamacluster/demo', 'ollamamodel/ollamamax-tiny'],
      { timeoutMs: 250_000 },
    );
    const secret = JSON.parse(await cluster.kubectl(['get', 'secret', 'demo-admin', '-o', 'json'])) as {
      data: { password: string };
    };
    const password = Buffer.from(secret.data.password, 'base64').toString('utf8');
    const address = await cluster.kubectl(['get', 'service', 'demo', '-o', 'jsonpath={.spec.clusterIP}']);
    const url = `http://${address}:8080`;
    const answer = await until('the Service answers', async () => {
      const login = await fetch(`${url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password }),
      });
      const { token } = (await login.json()) as { token: string };
      const chat = await fetch(`${url}/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({
          model: 'ollamamax-tiny',
          stream: false,
          messages: [{ role: 'user', content: 'Hello!' }],
        }),
      });
      return ((await chat.json()) as { message: { content: string } }).message.content;
    });
    progress('Three agents serve');
    say(`\n${(await cluster.kubectl(['get', 'oc,om'])).trimEnd()}\n`);
    say(`> Hello!\n${answer}\n`);
    if (!keep) {
      progress('Removing everything; "npm run cluster -- --keep" leaves it to play with');
      return;
    }
    say(
      `API and dashboard from this machine: ${url}, http://${address}:8081 (user admin, password ${password})`,
    );
    say(`export KUBECONFIG=${cluster.kubeconfig}`);
    say('npm run cluster:down removes every trace of it.');
  } finally {
    if (!keep) await stack.stop();
  }
};
