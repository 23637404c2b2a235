import { describe, expect, test } from '@jest/globals';
import { imageSize } from './image-file.ts';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat([
    ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    Buffer.alloc(32),
  ]);

const jpegSegment = (marker: number, length: number): number[] => [
  0xff,
  marker,
  length >> 8,
  length & 0xff,
  ...Array.from({ length: length - 2 }, () => 0xda),
];

const frame = [0xff, 0xc2, 0, 17, 8, 0x01, 0x02, 0x03, 0x04];

describe('imageSize', () => {
  test.each([
    ['PNG', bytes('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0, 1, 0, 0, 0, 0, 9]), 256, 9],
    ['GIF', bytes('GIF89a', [0x10, 0x02, 0x20, 0]), 528, 32],
    ['JPEG', bytes([0xff, 0xd8], jpegSegment(0xe0, 16), [0xff], frame), 772, 258],
    ['JPEG with tables first', bytes([0xff, 0xd8], jpegSegment(0xc4, 300), frame), 772, 258],
    [
      'WebP with features',
      bytes('RIFF\0\0\0\0WEBPVP8X', [10, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 49, 1, 0]),
      100,
      306,
    ],
    ['WebP without loss', bytes('RIFF\0\0\0\0WEBPVP8L', [0, 0, 0, 0, 0x2f, 0x63, 0xc0, 0x0c, 0]), 100, 52],
    [
      'the first WebP',
      bytes('RIFF\0\0\0\0WEBPVP8 ', [0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 0x40, 0x41, 0x20, 0]),
      320,
      32,
    ],
  ])('reads the size of a %s', (_name, file, width, height) => {
    expect(imageSize(file)).toEqual({ width, height });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('This is a text that is long enough to be a header.')],
    ['a short PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
    ['a PNG without its header', bytes('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IDAT')],
    ['a JPEG whose scan comes first', bytes([0xff, 0xd8, 0xff, 0xda, 0, 4])],
    ['a JPEG that ends', bytes([0xff, 0xd8], jpegSegment(0xe0, 16))],
    ['a JPEG whose segments lead nowhere', bytes([0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff])],
    ['a WebP of an unknown form', bytes('RIFF\0\0\0\0WEBPVP9 ')],
    ['a BMP', bytes('BM', [1, 2, 3, 4])],
  ])('knows none of %s', (_name, file) => {
    expect(imageSize(file)).toBeUndefined();
  });
});
