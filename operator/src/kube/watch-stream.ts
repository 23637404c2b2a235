import { errorOfStatus, KubeError, type Status } from './kube-error.ts';
import type { KubeObject, WatchEvent } from './object.ts';

/** Far above the largest object the API server stores, 1.5 MiB by default. */
const longestLine = 32 << 20;

interface Frame {
  readonly type: string;
  readonly object: KubeObject & Status;
}

/**
 * The events of a watch's body: one JSON document a line. A last line without an end is a cut connection and dropped.
 * @throws KubeError for an `ERROR` event, a line that is no JSON or none that ends
 */
export async function* watchEvents<T extends KubeObject>(
  what: string,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of body) {
    let text = decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      parts.push(text.slice(0, end));
      const line = parts.join('');
      parts = [];
      length = 0;
      text = text.slice(end + 1);
      if (line.trim() !== '') yield eventOf<T>(what, line);
    }
    parts.push(text);
    length += text.length;
    if (length > longestLine) throw badAnswer(what, `an event longer than ${longestLine} characters`);
  }
}

const eventOf = <T extends KubeObject>(what: string, line: string): WatchEvent<T> => {
  let frame: Frame;
  try {
    frame = JSON.parse(line) as Frame;
  } catch (error) {
    throw badAnswer(what, 'an event that is no JSON', error);
  }
  switch (frame.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: frame.type, object: frame.object as unknown as T };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: frame.object.metadata.resourceVersion ?? '' };
    case 'ERROR':
      throw errorOfStatus(what, frame.object.code ?? 500, frame.object);
    default:
      throw badAnswer(what, `an event of unknown type ${frame.type}`);
  }
};

const badAnswer = (what: string, detail: string, cause?: unknown): KubeError =>
  new KubeError({ code: 0, reason: 'BadAnswer', message: `${what}: ${detail}`, cause });
