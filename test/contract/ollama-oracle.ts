import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, freePorts, tinyModel } from '../harness/local-cluster.ts';

export interface Oracle {
  readonly url: string;
  stop(): Promise<void>;
}

/** Names of the models that both have. */
export const oracleModels = { chat: 'tiny', tools: 'tools', embed: 'embed' } as const;

/** The file of each of them. */
export const oracleSources: Readonly<Record<string, string>> = {
  [oracleModels.chat]: tinyModel,
  [oracleModels.tools]: tinyModel,
  [oracleModels.embed]: join(dirname(tinyModel), 'ollamamax-tiny-embed-f16.gguf'),
};

// Ollama does not read the Jinja template of the file; these give the same prompts.
const turn = `<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
`;
const answerBegins = `<|im_start|>assistant
`;
const templates: Readonly<Record<string, string>> = {
  [oracleModels.chat]: `{{ range .Messages }}${turn}{{ end }}${answerBegins}`,
  [oracleModels.tools]: `{{ if .Tools }}<|im_start|>system
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>{{ range .Tools }}
{{ . }}{{ end }}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{{ end }}{{ range .Messages }}{{ if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ else }}<|im_start|>{{ .Role }}
{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}<tool_call>
{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
</tool_call>{{ end }}{{ end }}<|im_end|>
{{ end }}{{ end }}${answerBegins}`,
};

const modelfileOf = (model: string): string => {
  const template = templates[model];
  return `FROM ${oracleSources[model]}\n${template === undefined ? '' : `TEMPLATE """${template}"""\n`}`;
};

/** The real Ollama on loopback with the bundled models, in a folder of its own. */
export const startOracle = async (command: string): Promise<Oracle> => {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-oracle-'));
  const [port = 0] = await freePorts(1);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(folder, 'models'),
  };
  const url = `http://${env.OLLAMA_HOST}`;
  const server = spawn(command, ['serve'], { env, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually('the real Ollama answers', async () => {
      const response = await fetch(url).catch(() => undefined);
      return response?.ok === true;
    });
    for (const model of Object.keys(oracleSources)) {
      writeFileSync(join(folder, 'Modelfile'), modelfileOf(model));
      const made = spawnSync(command, ['create', model, '-f', join(folder, 'Modelfile')], {
        env,
        encoding: 'utf8',
        timeout: 60_000,
      });
      if (made.status !== 0) throw new Error(`the real Ollama took no model: ${made.stderr}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
};
