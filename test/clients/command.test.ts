import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TestRegistry } from '../../agent/src/models/registry/registry.fixture.ts';
import { eventually, tinyModel } from '../harness/local-cluster.ts';
import { card, model } from './model-card.ts';
import { startOneHolderCluster, type OneHolderCluster } from './one-holder-cluster.ts';
import { openTerminal, runProgram, type Outcome } from './terminal.ts';

const command = process.env.OLLAMAMAX_OLLAMA_CLI ?? '';

let setup: OneHolderCluster;
let home: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  if (command === '') throw new Error('OLLAMAMAX_OLLAMA_CLI must name the ollama command');
  // The command takes no options for a single question: the model itself is made greedy.
  setup = await startOneHolderCluster({ parameters: { temperature: 0, stop: ['<|im_end|>'] } });
  home = mkdtempSync(join(tmpdir(), 'ollamamax-command-'));
  env = { PATH: process.env.PATH, HOME: home, OLLAMA_HOST: new URL(setup.door.api).host };
}, 120_000);

afterAll(async () => {
  await setup.cluster.stop();
  rmSync(home, { recursive: true, force: true });
});

const ollama = (...args: string[]): Promise<Outcome> => runProgram(command, args, env);

/** What the command prints when all goes well. */
const printed = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await ollama(...args);
  if (code !== 0) throw new Error(`ollama ${args.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout;
};

/** The cells of a table, row by row. */
const rows = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/));

describe('ollama on models', () => {
  test('--version tells the version of the API and no warning', async () => {
    const { stdout, stderr } = await ollama('--version');
    expect(stdout).toMatch(/^ollama version is \d+\.\d+\.\d+$/m);
    // A command built without its version calls itself 0.0.0 and tells the difference; any other must agree with us.
    const warning = `${stdout}${stderr}`.split('\n').find((line) => line.startsWith('Warning'));
    expect([undefined, 'Warning: client version is 0.0.0']).toContain(warning);
  });

  test('list', async () => {
    const [head, line, ...more] = rows(await printed('list'));
    expect(head).toEqual(['NAME', 'ID', 'SIZE', 'MODIFIED']);
    expect(line?.slice(0, 3)).toEqual([`${model}:latest`, '831d48e79f05', '3.0 MB']);
    expect(more).toEqual([]);
  });

  test('show', async () => {
    const shown = rows(await printed('show', model));
    expect(shown).toEqual(
      expect.arrayContaining([
        ['architecture', 'llama'],
        ['parameters', '2.75M'],
        ['context length', '2048'],
        ['embedding length', '256'],
        ['quantization', 'Q8_0'],
        ['completion'],
        ['tools'],
        ['Apache-2.0'],
      ]),
    );
  });

  test('show --verbose tells metadata and tensors', async () => {
    const shown = rows(await printed('show', '--verbose', model));
    expect(shown).toEqual(
      expect.arrayContaining([
        ['general.architecture', 'llama'],
        ['general.parameter_count', '2.754816e+06'],
        ['token_embd.weight', 'Q8_0', '[256 2048]'],
      ]),
    );
  });

  test('show of one part', async () => {
    const template = await printed('show', model, '--template');
    expect(template).toContain("{{- '<|im_start|>assistant\\n' }}");
    const modelfile = await printed('show', model, '--modelfile');
    expect(modelfile).toMatch(/^FROM sha256:831d48e79f05/m);
    expect(modelfile).toContain(template.trim());
    expect(modelfile).toMatch(/^PARAMETER temperature 0$/m);
    expect((await printed('show', model, '--license')).trim()).toBe('Apache-2.0');
    expect(rows(await printed('show', model, '--parameters'))).toEqual([
      ['temperature', '0'],
      ['stop', '"<|im_end|>"'],
    ]);
    expect((await printed('show', model, '--system')).trim()).toBe('');
  });

  test('ps follows run --keepalive and stop', async () => {
    await printed('run', model, '--keepalive', '1h', 'Hello!');
    await eventually('ps tells when the model leaves', async () => {
      const [, line] = rows(await printed('ps'));
      return line?.at(-1) === '59 minutes from now' || line?.at(-1) === 'About an hour from now';
    });
    const [head, line] = rows(await printed('ps'));
    expect(head).toEqual(['NAME', 'ID', 'SIZE', 'PROCESSOR', 'CONTEXT', 'UNTIL']);
    expect(line?.[0]).toBe(`${model}:latest`);
    expect(line?.slice(3, 5)).toEqual(['100% CPU', '2048']);
    await printed('stop', model);
    await eventually('ps is empty', async () => rows(await printed('ps')).length === 1);
  });

  test('run --keepalive -1s keeps it for ever', async () => {
    await printed('run', model, '--keepalive', '-1s', 'Hello!');
    await eventually('ps says so', async () => rows(await printed('ps'))[1]?.at(-1) === 'Forever');
  });
});

describe('ollama run', () => {
  test('answers one question and ends', async () => {
    expect((await printed('run', model, card.france.question)).trim()).toBe(card.france.answer);
  });

  test('answers what is piped into it', async () => {
    const { code, stdout } = await runProgram(command, ['run', model], env, `${card.france.question}\n`);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(card.france.answer);
  });

  test('--format json prints JSON', async () => {
    const text = await printed('run', model, '--format', 'json', card.anna.question);
    expect(JSON.parse(text)).toEqual(card.anna.answer);
  });

  test('--verbose prints counters that make sense', async () => {
    const { code, stderr } = await ollama('run', model, '--verbose', card.france.question);
    expect(code).toBe(0);
    const value = (name: string, unit: string): number =>
      Number(new RegExp(`^${name}: +([\\d.]+)${unit}`, 'm').exec(stderr)?.[1]);
    expect(value('prompt eval count', ' token')).toBe(15);
    expect(value('eval count', ' token')).toBe(7);
    expect(value('prompt eval rate', ' tokens/s')).toBeGreaterThan(0);
    expect(value('eval rate', ' tokens/s')).toBeGreaterThan(0);
    expect(stderr).toMatch(/^total duration: +[\d.]+(µs|ms|s)$/m);
    expect(stderr).toMatch(/^eval duration: +[\d.]+(µs|ms|s)$/m);
  });

  test('holds a conversation in a terminal', async () => {
    const terminal = await openTerminal(command, ['run', model], env, 'Send a message (/? for help)');
    try {
      expect(await terminal.say(card.france.question)).toContain(card.france.answer);
      expect(await terminal.say('My name is Anna.')).toContain('Anna.');
      expect(await terminal.say('What is my name?')).toContain('Your name is Anna.');
      expect(await terminal.say('/show info')).toMatch(/quantization +Q8_0/);
      expect(await terminal.say('/set parameter num_predict 2')).toContain("'num_predict' to '2'");
      expect(await terminal.say('/show parameters')).toMatch(/temperature +0[^]*num_predict +2/);
      const cut = await terminal.say(card.france.question);
      expect(cut).not.toContain(card.france.answer);
      await terminal.say('/set parameter num_predict 100');
      expect(await terminal.say('/set system You are a pirate.')).toContain('Set system message.');
      expect(await terminal.say('/clear')).toContain('Cleared session context');
      expect(await terminal.say('Hello!')).toContain('Arr, matey!');
      expect(await terminal.say('/set format json')).toContain("Set format to 'json' mode.");
      expect(await terminal.say('/load nope')).toContain("Couldn't find model 'nope'");
      await terminal.say('/bye');
      expect(await terminal.ended()).toBe(0);
    } finally {
      terminal.close();
    }
  });
});

describe('ollama with what there is not', () => {
  test.each([['show'], ['stop']])('%s of an unknown model says so', async (verb) => {
    const { code, stderr } = await ollama(verb, 'nope');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Error: .*nope.*(not found|to stop)/);
  });

  test.each([
    ['pull', model],
    ['rm', model],
    ['cp', `${model}-v2`, model],
  ])('%s %s says that the configuration declares it', async (...args) => {
    const { code, stderr } = await ollama(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Error: .*(declare|not found)/);
  });

  test('--think on a model that cannot says so', async () => {
    const { code, stderr } = await ollama('run', model, '--think', 'Hello!');
    expect(code).toBe(1);
    expect(stderr).toContain('does not support thinking');
  });
});

describe('ollama on models of its own', () => {
  test('create, run, cp, show, list and rm', async () => {
    const file = join(home, 'Modelfile');
    writeFileSync(file, `FROM ${model}\nSYSTEM You are a pirate.\nPARAMETER temperature 0\n`);
    await printed('create', 'pirate', '-f', file);
    expect(await printed('run', 'pirate', 'Hello!')).toContain('Arr, matey!');
    await printed('cp', 'pirate', 'privateer');
    expect(await printed('show', '--modelfile', 'privateer')).toContain('You are a pirate.');
    expect(rows(await printed('list')).map(([name]) => name)).toEqual(
      expect.arrayContaining(['pirate:latest', 'privateer:latest', `${model}:latest`]),
    );
    await printed('rm', 'pirate');
    expect(await printed('run', 'privateer', 'Hello!')).toContain('Arr, matey!');
    await printed('rm', 'privateer');
    expect(rows(await printed('list')).map(([name]) => name)).not.toContain('privateer:latest');
  });

  test('pull and push, with a registry', async () => {
    const registry = await new TestRegistry().start();
    try {
      registry.publish('library/fetched:v1', readFileSync(tinyModel), {
        'application/vnd.ollama.image.system': 'You are a pirate.',
        'application/vnd.ollama.image.params': '{"temperature":0}',
      });
      const fetched = `${registry.host}/library/fetched:v1`;
      const { code, stderr } = await ollama('pull', '--insecure', `http://${fetched}`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('success') });
      expect(await printed('run', fetched, 'Hello!')).toContain('Arr, matey!');
      const copy = `${registry.host}/me/copy:v2`;
      await printed('cp', fetched, copy);
      expect((await ollama('push', '--insecure', `http://${copy}`)).code).toBe(0);
      expect([...registry.manifests.keys()]).toContain('me/copy:v2');
      await printed('rm', fetched, copy);
      expect(rows(await printed('list')).map(([name]) => name)).not.toContain(copy);
    } finally {
      await registry.stop();
    }
  });
});
