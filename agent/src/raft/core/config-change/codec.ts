import type { ConfigChange, ConfigOp, SingleChange, Transition } from './change.ts';

/** Bytes in the log that are no change of the members: they were written by something else. */
export class ConfigCodecError extends Error {
  override readonly name = 'ConfigCodecError';
}

const format = 1;
const transitions: readonly Transition[] = ['auto', 'implicit', 'explicit'];
const ops: readonly ConfigOp[] = ['addVoter', 'addLearner', 'remove', 'update'];
/** More changes at once than members that any cluster has are damage. */
const maxChanges = 1024;
const headBytes = 4;
const changeBytes = 9;

/**
 * {u8 format, u8 transition, u16 number of changes, per change {u8 op, f64 node}, the context}, little endian. The
 * node as a double holds every safe integer.
 * @throws ConfigCodecError for more changes than any cluster has members
 */
export const encodeConfigChange = ({ transition, changes, context }: ConfigChange): Uint8Array => {
  if (changes.length > maxChanges)
    throw new ConfigCodecError(`${changes.length} changes of the members at once are too many`);
  const fixed = headBytes + changes.length * changeBytes;
  const bytes = new Uint8Array(fixed + context.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, format);
  view.setUint8(1, transitions.indexOf(transition));
  view.setUint16(2, changes.length, true);
  changes.forEach(({ op, node }, at) => {
    view.setUint8(headBytes + at * changeBytes, ops.indexOf(op));
    view.setFloat64(headBytes + at * changeBytes + 1, node, true);
  });
  bytes.set(context, fixed);
  return bytes;
};

/** @throws ConfigCodecError */
export const decodeConfigChange = (bytes: Uint8Array): ConfigChange => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < headBytes) throw new ConfigCodecError('a change of the members is cut off');
  if (view.getUint8(0) !== format)
    throw new ConfigCodecError(`format ${view.getUint8(0)} of a change of the members is not known`);
  const transition = transitions[view.getUint8(1)];
  const count = view.getUint16(2, true);
  const fixed = headBytes + count * changeBytes;
  if (transition === undefined || count > maxChanges || bytes.length < fixed)
    throw new ConfigCodecError('a change of the members is damaged');
  const changes = Array.from({ length: count }, (_, at): SingleChange => {
    const op = ops[view.getUint8(headBytes + at * changeBytes)];
    const node = view.getFloat64(headBytes + at * changeBytes + 1, true);
    if (op === undefined || !Number.isSafeInteger(node) || node < 0)
      throw new ConfigCodecError('a change of the members is damaged');
    return { op, node };
  });
  return { transition, changes, context: bytes.slice(fixed) };
};
