import { Slab } from '../codec/slab.ts';
import type { NodeId } from '../core/types.ts';

/** Names a proposal for as long as the log lives: another life of the same member draws another nonce. */
export interface RequestId {
  readonly node: NodeId;
  /** Drawn at the start of the process, below 2^32. */
  readonly nonce: number;
  readonly sequence: number;
}

const headBytes = 21;
const format = 1;

const proposedBytes = new Slab();

/** {u8 format, f64 node, u32 nonce, f64 sequence, payload}, little endian; doubles hold every safe integer. */
export const wrapRequest = ({ node, nonce, sequence }: RequestId, payload: Uint8Array): Uint8Array => {
  const bytes = proposedBytes.take(headBytes + payload.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, headBytes);
  view.setUint8(0, format);
  view.setFloat64(1, node, true);
  view.setUint32(9, nonce, true);
  view.setFloat64(13, sequence, true);
  bytes.set(payload, headBytes);
  return bytes;
};

/** @returns undefined for an entry that no proposal made, such as a new leader's own */
export const unwrapRequest = (
  bytes: Uint8Array,
): { readonly id: RequestId; readonly payload: Uint8Array } | undefined => {
  if (bytes.length < headBytes || bytes[0] !== format) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const id = {
    node: view.getFloat64(1, true),
    nonce: view.getUint32(9, true),
    sequence: view.getFloat64(13, true),
  };
  return { id, payload: bytes.subarray(headBytes) };
};
