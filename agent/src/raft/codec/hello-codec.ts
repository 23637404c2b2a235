import type { NodeId } from '../core/types.ts';
import { FrameError } from './frame-error.ts';
import { readU64, writeU64 } from './integers.ts';

/*
 * A hello or its answer, the welcome. Later versions may only add at its end, so that all versions can read it:
 *
 *   0  u16 oldest and newest version of the protocol that is spoken (of a welcome: the one chosen, twice)
 *   4  u32 feature bits, u8 channel (1 messages, 2 snapshot), u8[3] reserved, not looked at
 *  12  u64 node, u64 to
 *  28  cluster id, incarnation, address: each u16 length and so many visible ASCII characters
 */

/** What the connection is for. Snapshots have their own, so that no heartbeat waits behind one. */
export type Channel = 'messages' | 'snapshot';

/** What both ends say of themselves before anything else. */
export interface Hello {
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly features: number;
  readonly channel: Channel;
  readonly node: NodeId;
  /** Whom the sender means to talk to. */
  readonly to: NodeId;
  readonly clusterId: string;
  /** Which life of the member's data directory: a member whose disk was lost comes back as another. */
  readonly incarnation: string;
  /** Where the sender can be reached, as host:port. */
  readonly address: string;
}

const channels: readonly (Channel | undefined)[] = [undefined, 'messages', 'snapshot'];
const headBytes = 28;
/** Also for logs: nothing invisible and nothing endless. */
const textPattern = /^[\x21-\x7e]{1,255}$/;

const checked = (text: string): string => {
  if (!textPattern.test(text))
    throw new FrameError('text', 'A name in a hello is not made of 1 to 255 visible ASCII characters.');
  return text;
};

/** @throws FrameError when a name or a number cannot be told */
export const encodeHello = (hello: Hello): Buffer => {
  const texts = [hello.clusterId, hello.incarnation, hello.address].map(checked);
  const bytes = Buffer.alloc(headBytes + texts.reduce((sum, text) => sum + 2 + text.length, 0));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint16(0, hello.minVersion, true);
  view.setUint16(2, hello.maxVersion, true);
  view.setUint32(4, hello.features, true);
  view.setUint8(8, channels.indexOf(hello.channel));
  writeU64(view, 12, hello.node);
  writeU64(view, 20, hello.to);
  let at = headBytes;
  for (const text of texts) {
    view.setUint16(at, text.length, true);
    bytes.write(text, at + 2, 'latin1');
    at += 2 + text.length;
  }
  return bytes;
};

/** @throws FrameError and nothing else, whatever the bytes are */
export const decodeHello = (bytes: Uint8Array): Hello => {
  const tooShort = (): FrameError => new FrameError('length', 'A hello is too short.');
  if (bytes.length < headBytes) throw tooShort();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = headBytes;
  const text = (): string => {
    if (at + 2 > bytes.length) throw tooShort();
    const end = at + 2 + view.getUint16(at, true);
    if (end > bytes.length) throw tooShort();
    const found = Buffer.from(bytes.buffer, bytes.byteOffset + at + 2, end - at - 2).toString('latin1');
    at = end;
    return checked(found);
  };
  const channel = channels[view.getUint8(8)];
  if (channel === undefined) throw new FrameError('kind', 'A hello is for a channel that is not known.');
  return {
    minVersion: view.getUint16(0, true),
    maxVersion: view.getUint16(2, true),
    features: view.getUint32(4, true),
    channel,
    node: readU64(view, 12),
    to: readU64(view, 20),
    clusterId: text(),
    incarnation: text(),
    address: text(),
  };
};

/** Why a hello is refused, with the numbers that stand for it on the wire; told to who said it. */
export const refusals = {
  /** No version in common. */
  version: 1,
  /** Of another cluster. */
  cluster: 2,
  /** This is not the member that was called. */
  node: 3,
  /** Nobody knows such a member here. */
  stranger: 4,
  /** The certificate is not that of this member. */
  identity: 5,
  /** The member is known with another data directory. */
  incarnation: 6,
  /** Not now: too much of this is going on. */
  busy: 7,
  /** Not what is spoken here. */
  malformed: 8,
} as const;

export type Refusal = keyof typeof refusals;

export const encodeRefusal = (refusal: Refusal): Buffer => Buffer.of(refusals[refusal]);

/** Undefined for one that a later version knows. */
export const decodeRefusal = (bytes: Uint8Array): Refusal | undefined =>
  (Object.keys(refusals) as Refusal[]).find((refusal) => refusals[refusal] === bytes[0]);
