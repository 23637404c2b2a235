/** Width and height in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

interface Format {
  /** What such a file has at which place; letters, each a byte. */
  readonly magic: readonly (readonly [number, string])[];
  /** Undefined: the file does not say it where it should. */
  sizeOf(bytes: Buffer): ImageSize | undefined;
}

/** Bytes that a header may need; the one of JPEG has no end of its own. */
const headBytes = 32;

const jpegMarkers = { first: 0xc0, last: 0xcf, notFrames: [0xc4, 0xc8, 0xcc], scan: 0xda } as const;

/** JPEG is a list of segments: one of them begins a frame and has its size, before the first scan. */
const jpegSize = (bytes: Buffer): ImageSize | undefined => {
  const { first, last, notFrames, scan } = jpegMarkers;
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes.readUInt8(at + 1);
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === scan) return undefined;
    if (marker >= first && marker <= last && !notFrames.some((other) => other === marker))
      return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
};

/** The three forms of WebP: with features, lossless, and the first one. */
const webpSize = (bytes: Buffer): ImageSize | undefined => {
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    default:
      return undefined;
  }
};

const formats: readonly Format[] = [
  {
    magic: [
      [0, '\x89PNG\r\n\x1a\n'],
      [12, 'IHDR'],
    ],
    sizeOf: (bytes) => ({ width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }),
  },
  { magic: [[0, '\xff\xd8\xff']], sizeOf: jpegSize },
  {
    magic: [[0, 'GIF8']],
    sizeOf: (bytes) => ({ width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }),
  },
  {
    magic: [
      [0, 'RIFF'],
      [8, 'WEBP'],
    ],
    sizeOf: webpSize,
  },
];

/** The size of an image as its file tells it; undefined for what is no PNG, JPEG, GIF or WebP. */
export const imageSize = (bytes: Buffer): ImageSize | undefined => {
  if (bytes.length < headBytes) return undefined;
  const head = bytes.toString('latin1', 0, headBytes);
  return formats.find(({ magic }) => magic.every(([at, text]) => head.startsWith(text, at)))?.sizeOf(bytes);
};
