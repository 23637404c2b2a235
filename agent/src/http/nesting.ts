const quote = 0x22;
const backslash = 0x5c;
const isOpener = (byte: number): boolean => byte === 0x7b || byte === 0x5b;
const isCloser = (byte: number): boolean => byte === 0x7d || byte === 0x5d;

/**
 * Whether JSON text is nested deeper than `limit` brackets. Looked at before parsing: a small body of brackets
 * takes seconds to parse, and everything behind that walks the value by recursion.
 */
export const nestsDeeperThan = (limit: number, json: Uint8Array): boolean => {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (inText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (isOpener(byte)) {
      depth += 1;
      if (depth > limit) return true;
    } else if (isCloser(byte)) depth -= 1;
  }
  return false;
};
