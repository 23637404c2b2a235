import type { Buffer } from 'node:buffer';

const startsWith = (head: Buffer, bytes: readonly number[]): boolean =>
  bytes.length <= head.length && bytes.every((byte, index) => head[index] === byte);

const startsWithText = (head: Buffer, text: string): boolean =>
  head.subarray(0, text.length).toString('latin1') === text;

/** The 64-bit length and the `{"` with which a safetensors file begins. */
const isSafetensors = (head: Buffer): boolean =>
  head.length >= 10 &&
  head.readUInt32LE(4) === 0 &&
  head.readUInt32LE(0) > 1 &&
  head[8] === 0x7b &&
  (head[9] === 0x22 || head[9] === 0x20);

const oldGgmlMagics = ['lmgg', 'fmgg', 'tjgg', 'algg'];

/**
 * Says what a file is that is not GGUF, and what to do with it, from its first bytes.
 * @returns one or two sentences without the name of the file
 */
export const describeForeignFormat = (head: Buffer): string => {
  if (head.length === 0) return 'The file is empty.';
  if (oldGgmlMagics.some((magic) => startsWithText(head, magic)))
    return 'The file is in the old GGML format; convert it with convert_llama_ggml_to_gguf.py of llama.cpp or get a GGUF file.';
  if (startsWithText(head, 'FUGG')) return 'The file is a big-endian GGUF; get a little-endian one.';
  if (isSafetensors(head))
    return 'The file is in safetensors format; convert the model with convert_hf_to_gguf.py of llama.cpp.';
  if (startsWith(head, [0x50, 0x4b, 0x03, 0x04]))
    return 'The file is a ZIP archive or a PyTorch checkpoint; unpack it, or convert the model with convert_hf_to_gguf.py of llama.cpp.';
  if (startsWith(head, [0x80]) && (head[1] ?? 0) <= 5)
    return 'The file is a Python pickle such as a PyTorch checkpoint; convert the model with convert_hf_to_gguf.py of llama.cpp.';
  if (startsWith(head, [0x1f, 0x8b])) return 'The file is compressed with gzip; decompress it first.';
  if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd]))
    return 'The file is compressed with zstd; decompress it first.';
  const text = head.toString('latin1').trimStart().toLowerCase();
  if (text.startsWith('<!doctype') || text.startsWith('<html') || text.startsWith('<?xml'))
    return 'The file is a web page, not a model; the URL probably leads to a page about the model or to a log-in.';
  if (text.startsWith('version https://git-lfs'))
    return 'The file is a Git LFS pointer, not the model itself; fetch it with "git lfs pull".';
  if (text.startsWith('{') || text.startsWith('['))
    return 'The file is JSON text, not a model; the source probably answered with an error message.';
  if (head.every((byte) => byte === 0))
    return 'The file begins with zeros; it was probably not written completely.';
  return 'The file does not begin with the magic number "GGUF".';
};
