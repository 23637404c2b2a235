/** Longest line that is still taken for an answer. Characters. */
const maxLine = 4 * 1024 * 1024;

/** The JSON values of a stream of newline-delimited JSON, as they arrive, however the bytes are cut. */
export async function* readNdjson(stream: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void, void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split('\n');
      rest = done ? '' : (lines.pop() ?? '');
      if (rest.length > maxLine) throw new Error('a line of the answer is too long');
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as unknown;
      if (done) return;
    }
  } finally {
    // Whoever stops reading stops the work behind it.
    await reader.cancel().catch(() => undefined);
  }
}
