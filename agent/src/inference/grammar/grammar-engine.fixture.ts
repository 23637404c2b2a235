import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const llama = await getLlama({
  gpu: false,
  build: 'never',
  progressLogs: false,
  logLevel: LlamaLogLevel.disabled,
});

/** llama.cpp's own parser and matcher: whether a whole text is one of the grammar. Fails for grammars it refuses. */
export const compileGrammar = async (grammar: string): Promise<(text: string) => boolean> => {
  const compiled: unknown = await llama.createGrammar({ grammar });
  return (text) => (compiled as { _testText(text: string): boolean })._testText(text);
};
