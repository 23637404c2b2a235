import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Done, VfsFile } from './vfs.ts';

/*
 * How far a transfer got, in a file beside the data: {u64 bytes, u32 crc32 of the data up to there, u32 crc32 of the
 * two} for each stop. It needs no sync of its own: a stop counts when the data up to it has that crc, whatever a
 * crash did to either file.
 */

const stopBytes = 16;
/** A gigabyte in stops of 8 MiB are 128; more are none of ours. */
const maxStops = 64 * 1024;
const chunkBytes = 256 * 1024;

/** Sums over the data up to some point. */
export interface Sums {
  readonly bytes: number;
  readonly crc: number;
  readonly sha256: Hash;
}

export const noSums = (): Sums => ({ bytes: 0, crc: 0, sha256: createHash('sha256') });

/** @returns the sums over the data and this chunk, which follows; those before may no longer be used */
export const addTo = ({ bytes, crc, sha256 }: Sums, chunk: Uint8Array): Sums => ({
  bytes: bytes + chunk.length,
  crc: crc32(chunk, crc),
  sha256: sha256.update(chunk),
});

/** Writes down how far the data got, as the stop of this number. */
export const writeStop = (file: VfsFile, number: number, { bytes, crc }: Sums, done: Done): void => {
  const stop = Buffer.alloc(stopBytes);
  stop.writeBigUInt64LE(BigInt(bytes));
  stop.writeUInt32LE(crc, 8);
  stop.writeUInt32LE(crc32(stop.subarray(0, 12)), 12);
  file.write([stop], number * stopBytes, done);
};

const readStops = (file: VfsFile): { readonly bytes: number; readonly crc: number }[] => {
  const content = Buffer.alloc(Math.min(file.size(), maxStops * stopBytes));
  file.read(content, 0);
  const stops: { bytes: number; crc: number }[] = [];
  for (let at = 0; at + stopBytes <= content.length; at += stopBytes) {
    const bytes = Number(content.readBigUInt64LE(at));
    const isIntact = crc32(content.subarray(at, at + 12)) === content.readUInt32LE(at + 12);
    if (!isIntact || bytes <= (stops.at(-1)?.bytes ?? 0)) break;
    stops.push({ bytes, crc: content.readUInt32LE(at + 8) });
  }
  return stops;
};

/** Finds the last stop up to which the data is right, by reading it. */
export const resumeFrom = (
  data: VfsFile,
  progress: VfsFile,
  done: (error: Error | undefined, sums: Sums, stops: number) => void,
): void => {
  const stops = readStops(progress);
  const chunk = Buffer.alloc(chunkBytes);
  /** `good` is at the stop that was reached last, `sums` ahead of it. */
  const readOn = (good: Sums, reached: number, sums: Sums): void => {
    const stop = stops[reached];
    if (stop === undefined) {
      done(undefined, good, reached);
      return;
    }
    const wanted = Math.min(chunkBytes, stop.bytes - sums.bytes);
    data.readLater(chunk.subarray(0, wanted), sums.bytes, (error, bytes) => {
      if (error !== undefined) {
        done(error, good, reached);
        return;
      }
      const next = addTo(sums, chunk.subarray(0, bytes));
      if (bytes < wanted || (next.bytes === stop.bytes && next.crc !== stop.crc))
        done(undefined, good, reached);
      else if (next.bytes < stop.bytes) readOn(good, reached, next);
      else readOn({ ...next, sha256: next.sha256.copy() }, reached + 1, next);
    });
  };
  readOn(noSums(), 0, noSums());
};

/** Reads all of the data and tells whether it has this size and digest. */
export const verifyDigest = (
  file: VfsFile,
  size: number,
  sha256: string,
  done: (error: Error | undefined, isRight: boolean) => void,
): void => {
  const chunk = Buffer.alloc(Math.max(Math.min(chunkBytes, size), 1));
  const readOn = (sums: Sums): void => {
    if (sums.bytes === size) {
      done(undefined, sums.sha256.digest('hex') === sha256);
      return;
    }
    const wanted = chunk.subarray(0, Math.min(chunk.length, size - sums.bytes));
    file.readLater(wanted, sums.bytes, (error, bytes) => {
      if (error !== undefined || bytes === 0) done(error, false);
      else readOn(addTo(sums, wanted.subarray(0, bytes)));
    });
  };
  readOn(noSums());
};
