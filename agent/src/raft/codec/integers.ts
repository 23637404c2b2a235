import { FrameError } from './frame-error.ts';

const two32 = 0x1_0000_0000;
/** Upper half of 2^53 - 1. */
const maxUpper = 0x1f_ffff;

/**
 * Writes 8 bytes, little-endian.
 * @throws FrameError when it is not a safe integer from 0: it would arrive as another number
 */
export const writeU64 = (view: DataView, at: number, value: number): void => {
  if (!(Number.isSafeInteger(value) && value >= 0))
    throw new FrameError('number', `${value} is no safe integer from 0.`);
  const upper = Math.floor(value / two32);
  view.setUint32(at, value - upper * two32, true);
  view.setUint32(at + 4, upper, true);
};

/** @throws FrameError above 2^53 - 1 */
export const readU64 = (view: DataView, at: number): number => {
  const upper = view.getUint32(at + 4, true);
  if (upper > maxUpper) throw new FrameError('number', 'A number is above 2^53 - 1.');
  return upper * two32 + view.getUint32(at, true);
};
