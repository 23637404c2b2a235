import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { tinyModel } from '../harness/local-cluster.ts';
import {
  anna,
  embedder,
  startOneHolderCluster,
  untilSlotsFree,
  type OneHolderCluster,
} from './one-holder-cluster.ts';
import { runProgram } from './terminal.ts';

/* The standard tests that LangChain gives to whoever integrates a model, and some of our own. */

const python = process.env.OLLAMAMAX_PYTHON ?? '';
const folder = fileURLToPath(new URL('python/langchain', import.meta.url));
const deadlineMs = 280_000;

/** Names of tests by what came of them. */
type Outcomes = Partial<Record<'passed' | 'failed' | 'skipped' | 'left to the model', readonly string[]>>;

let setup: OneHolderCluster;
let told: string;
let groups: Partial<Record<string, Outcomes>>;

beforeAll(async () => {
  if (python === '') throw new Error('OLLAMAMAX_PYTHON must name a Python with the clients');
  // Penalties make the same model come to an end where it has nothing to say.
  const parameters = { temperature: 0, frequency_penalty: 1 };
  setup = await startOneHolderCluster({
    user: anna,
    more: [embedder, { name: 'brief', source: { file: tinyModel }, parameters }],
  });
  const { stdout, stderr } = await runProgram(
    python,
    ['-B', '-m', 'pytest', '-c', `${folder}/pytest.ini`, '-W', 'ignore', folder],
    {
      PATH: process.env.PATH,
      OLLAMAMAX_TEST_API: setup.door.api,
      OLLAMAMAX_TEST_TOKEN: setup.token,
    },
    '',
    deadlineMs,
  );
  told = `${stdout}\n${stderr}`;
  groups = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as typeof groups;
}, deadlineMs + 60_000);

afterAll(async () => {
  await setup.cluster.stop();
});

/** Kinds of input that no model here takes, a mode whose test is left to `TestKnownAnswers`, and a benchmark. */
const notHere = [
  'test_anthropic_inputs',
  'test_audio_inputs',
  'test_image_inputs',
  'test_image_tool_message',
  'test_json_mode',
  'test_pdf_inputs',
  'test_pdf_tool_message',
  'test_stream_time',
];
/** The script says of each why a tiny model may fail it. */
const understanding = [
  'test_agent_loop',
  'test_tool_calling',
  'test_tool_calling_async',
  'test_unicode_tool_call_integration',
];
const noToolChoice = {
  skipped: ['test_tool_choice'],
  left: ['test_bind_runnables_as_tools', 'test_tool_calling_with_no_arguments'],
};

test.each([
  {
    group: 'TestChatOllama',
    passed: 33,
    skipped: [...notHere, ...noToolChoice.skipped],
    left: [...understanding, ...noToolChoice.left],
  },
  { group: 'TestChatOpenAI', passed: 36, skipped: notHere, left: understanding },
  { group: 'TestChatOpenAIResponses', passed: 36, skipped: notHere, left: understanding },
  { group: 'TestOllamaEmbeddings', passed: 5, skipped: [], left: [] },
  { group: 'TestOpenAIEmbeddings', passed: 5, skipped: [], left: [] },
  { group: 'TestKnownAnswers', passed: 18, skipped: [], left: [] },
])('$group of LangChain passes $passed tests and fails none', ({ group, passed, skipped, left }) => {
  const outcomes = groups[group] ?? {};
  if (outcomes.failed !== undefined) throw new Error(told);
  expect(outcomes.passed ?? []).toHaveLength(passed);
  expect((outcomes.skipped ?? []).toSorted()).toEqual(skipped.toSorted());
  expect((outcomes['left to the model'] ?? []).toSorted()).toEqual(left.toSorted());
});

test('none of them leaves a slot taken', async () => {
  await untilSlotsFree(setup.holder);
});
