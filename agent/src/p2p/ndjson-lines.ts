/**
 * Cuts a stream of bytes into lines, without their line feeds; an unfinished last line is given too.
 * @throws RangeError when a line is longer than maxBytes
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const bounded = (bytes: number): void => {
    if (bytes > maxBytes) throw new RangeError(`A line is longer than ${maxBytes} bytes.`);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const tail = chunk.subarray(from, at);
      bounded(pendingBytes + tail.length);
      yield pendingBytes === 0 ? tail.toString('utf8') : Buffer.concat([...pending, tail]).toString('utf8');
      pending = [];
      pendingBytes = 0;
      from = at + 1;
    }
    if (from === chunk.length) continue;
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    bounded(pendingBytes);
  }
  if (pendingBytes > 0) yield Buffer.concat(pending).toString('utf8');
}
