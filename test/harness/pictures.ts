import { crc32, deflateSync } from 'node:zlib';

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};

/** Red, green and blue, 0 to 255. */
type Colour = readonly [number, number, number];

/** A PNG file with the colour of each pixel. */
const png = (width: number, height: number, colourAt: (x: number, y: number) => Colour): Buffer => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits each of three colours.
  header.set([8, 2], 8);
  const rows = Array.from({ length: height }, (_row, y) => [
    0,
    ...Array.from({ length: width }, (_column, x) => colourAt(x, y)).flat(),
  ]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from(rows.flat()))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

/** Two pictures that have nothing in common, as base64. */
export const pictures = {
  red: png(80, 60, () => [255, 0, 0]).toString('base64'),
  chessboard: png(64, 64, (x, y) => (((x >> 3) ^ (y >> 3)) % 2 === 0 ? [0, 0, 0] : [255, 255, 255])).toString(
    'base64',
  ),
} as const;
