import { commandR } from './command-r.ts';
import { deepseek, deepseekNamed } from './deepseek.ts';
import { functionTag } from './function-tag.ts';
import { harmony } from './harmony.ts';
import { hermes } from './hermes.ts';
import { dsml, dsmlCalls, minimax } from './invoke.ts';
import { kimi } from './kimi.ts';
import { lfm2 } from './lfm2.ts';
import { llama3 } from './llama3.ts';
import { apriel, functools, nemotron, toolCallMark } from './marked-json.ts';
import { mistral, mistralNamed } from './mistral.ts';
import { glm, qwenCoder, seed } from './tagged-arguments.ts';
import type { ToolFormat } from './tool-format.ts';

/** Every family, the more particular before those whose marks they share. */
export const toolFormats: readonly ToolFormat[] = [
  harmony,
  seed,
  qwenCoder,
  glm,
  minimax,
  dsml,
  dsmlCalls,
  deepseekNamed,
  deepseek,
  kimi,
  commandR,
  lfm2,
  mistralNamed,
  mistral,
  toolCallMark,
  functools,
  nemotron,
  apriel,
  hermes,
  functionTag,
  llama3,
];

/** The family a chat template is of; undefined: its models call no tools that we could read. */
export const toolFormatOf = (template: string): ToolFormat | undefined =>
  toolFormats.find((format) => format.matches(template));
