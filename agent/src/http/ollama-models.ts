import {
  ApiError,
  canonicalModelName,
  ollamaApiVersion,
  type ModelDetails,
  type ModelEventValue,
  type ModelShow,
  type ResidentModel,
  type ShowBody,
} from '@ollamamax/api';
import type { ClusterReads } from './cluster-reads.ts';
import type { Handlers } from './handlers.ts';
import { inOllamaWords } from './ollama-errors.ts';
import { clientGone } from './stream-writer.ts';

const toDetails = (details: ModelDetails): object => ({
  parent_model: '',
  format: details.format,
  family: details.family,
  families: [details.family],
  parameter_size: details.parameterSize,
  quantization_level: details.quantization,
});

interface ReadyModel extends ModelEventValue {
  readonly digest: string;
  readonly details: ModelDetails;
}

const isReady = (model: ModelEventValue): model is ReadyModel =>
  model.replicasReady > 0 && model.digest !== undefined && model.details !== undefined;

// What clients of Ollama show as "Forever".
const forever = '2318-01-01T00:00:00Z';

const expiryOf = ({ state, expiresAt }: ResidentModel): string =>
  // A time that has passed is what clients show as "Stopping...".
  state === 'unloading' ? new Date().toISOString() : (expiresAt ?? forever);

const byTime = (a: string | undefined, b: string | undefined): number => (b ?? '').localeCompare(a ?? '');

/** `PARAMETER` lines as `ollama show` prints them. */
const parameterLines = (parameters: ModelShow['parameters']): string[] =>
  Object.entries(parameters).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) => {
      const text = typeof item === 'string' ? JSON.stringify(item) : String(item);
      return `${name.padEnd(30)} ${text}`;
    }),
  );

const keepAliveLine = (seconds: number): string =>
  `# Unless a request says otherwise it stays in memory ${
    seconds < 0 ? 'for ever' : seconds === 0 ? 'no longer than it is used' : `for ${seconds} idle seconds`
  }.`;

const modelfile = (show: ModelShow): string =>
  [
    `# Modelfile of ${show.name}, served by OllamaMax`,
    // Modelfiles cannot say it.
    ...(show.keepAliveSeconds === undefined ? [] : [keepAliveLine(show.keepAliveSeconds)]),
    `FROM sha256:${show.digest}`,
    ...(show.adapters ?? []).flatMap(({ digest, scale }) => [
      // Modelfiles cannot say it.
      ...(scale === 1 ? [] : [`# The next one is applied with the strength ${scale}.`]),
      `ADAPTER sha256:${digest}`,
    ]),
    ...(show.template === '' ? [] : [`TEMPLATE """${show.template}"""`]),
    ...(show.system === '' ? [] : [`SYSTEM """${show.system}"""`]),
    ...parameterLines(show.parameters).map((line) => `PARAMETER ${line.replace(/ {2,}/, ' ')}`),
    ...(show.messages ?? []).map(({ role, content }) => `MESSAGE ${role} """${content}"""`),
    ...(show.license === '' ? [] : [`LICENSE """${show.license}"""`]),
    '',
  ].join('\n');

/** Ollama's routes about models, answered for the whole cluster. */
export const ollamaModelHandlers = (
  reads: ClusterReads,
): Handlers<'root' | 'ollamaVersion' | 'tags' | 'ps' | 'show'> => ({
  root: ({ response }) => {
    response.type('text/plain').send('Ollama is running');
  },
  ollamaVersion: ({ response }) => {
    response.json({ version: ollamaApiVersion });
  },
  tags: ({ response }) => {
    const models = reads
      .models()
      .filter(isReady)
      .toSorted((a, b) => byTime(a.modifiedAt, b.modifiedAt) || a.name.localeCompare(b.name))
      .map((model) => ({
        name: model.name,
        model: model.name,
        modified_at: model.modifiedAt,
        size: model.sizeBytes,
        digest: model.digest,
        details: toDetails(model.details),
        capabilities: model.details.capabilities,
      }));
    response.json({ models });
  },
  ps: ({ response }) => {
    const models = reads
      .models()
      .filter(isReady)
      .flatMap((model) =>
        model.agents.flatMap(({ id, resident }) => (resident === undefined ? [] : [{ model, id, resident }])),
      )
      .map(({ model, id, resident }: { model: ReadyModel; id: string; resident: ResidentModel }) => ({
        name: model.name,
        model: model.name,
        size: resident.memoryBytes,
        digest: model.digest,
        details: toDetails(model.details),
        expires_at: expiryOf(resident),
        size_vram: 0,
        context_length: resident.contextSize,
        agent: id,
      }))
      .toSorted((a, b) => byTime(a.expires_at, b.expires_at));
    response.json({ models });
  },
  show: inOllamaWords('show', async ({ body, response }) => {
    const { model, name, verbose = false } = body as ShowBody;
    const wanted = [model, name].find((given) => given !== undefined && given !== '');
    if (wanted === undefined) throw new ApiError('invalid_request', 'model is required.', { param: 'model' });
    const show = await reads.show(canonicalModelName(wanted), verbose, clientGone(response).signal);
    // Ollama leaves out what is empty.
    const text = (name: string, value: string): object => (value === '' ? {} : { [name]: value });
    response.json({
      ...text('license', show.license),
      modelfile: modelfile(show),
      ...text('parameters', parameterLines(show.parameters).join('\n')),
      ...text('template', show.template),
      ...text('system', show.system),
      details: toDetails(show.details),
      ...((show.messages ?? []).length === 0 ? {} : { messages: show.messages }),
      model_info: show.modelInfo,
      tensors: show.tensors,
      capabilities: show.details.capabilities,
      modified_at: show.modifiedAt,
    });
  }),
});
