import { apertus } from './apertus.ts';
import { commandAction, commandR } from './command-r.ts';
import { deepseek, deepseekNamed } from './deepseek.ts';
import { functionTag } from './function-tag.ts';
import { functionary } from './functionary.ts';
import { functionGemma, gemma4 } from './gemma.ts';
import { gigachat, gigachatMark } from './gigachat.ts';
import { harmony } from './harmony.ts';
import { hermes } from './hermes.ts';
import { hunyuan } from './hunyuan.ts';
import { dsml, dsmlCalls, gcml, minimax } from './invoke.ts';
import { kimiK3 } from './kimi-k3.ts';
import { kimi } from './kimi.ts';
import { lfm2 } from './lfm2.ts';
import { llama3 } from './llama3.ts';
import { apriel, functools, minimaxM1, nemotron, toolCallMark } from './marked-json.ts';
import { minicpm } from './minicpm.ts';
import { minimaxM3 } from './minimax-m3.ts';
import { mistral, mistralNamed } from './mistral.ts';
import { olmo, toolCode } from './python-lines.ts';
import { solar } from './solar.ts';
import { glm, qwenCoder, seed } from './tagged-arguments.ts';
import type { ToolFormat } from './tool-format.ts';

/** Every family, the more particular before those whose marks they share. */
export const toolFormats: readonly ToolFormat[] = [
  harmony,
  seed,
  qwenCoder,
  hunyuan,
  glm,
  minicpm,
  minimaxM3,
  minimax,
  dsml,
  dsmlCalls,
  gcml,
  deepseekNamed,
  deepseek,
  kimi,
  kimiK3,
  commandR,
  commandAction,
  lfm2,
  mistralNamed,
  mistral,
  gemma4,
  functionGemma,
  functionary,
  gigachatMark,
  gigachat,
  solar,
  apertus,
  toolCallMark,
  functools,
  nemotron,
  minimaxM1,
  apriel,
  olmo,
  hermes,
  functionTag,
  llama3,
  toolCode,
];

/** The family a chat template is of; undefined: its models call no tools that we could read. */
export const toolFormatOf = (template: string): ToolFormat | undefined =>
  toolFormats.find((format) => format.matches(template));
