/** Names, sizes and maxima of the GGUF file format (versions 2 and 3). */

/** Value types of metadata by their number in the file; `bytes` 0: length is in the file. */
export const valueTypes: ReadonlyMap<number, { readonly name: string; readonly bytes: number }> = new Map([
  [0, { name: 'uint8', bytes: 1 }],
  [1, { name: 'int8', bytes: 1 }],
  [2, { name: 'uint16', bytes: 2 }],
  [3, { name: 'int16', bytes: 2 }],
  [4, { name: 'uint32', bytes: 4 }],
  [5, { name: 'int32', bytes: 4 }],
  [6, { name: 'float32', bytes: 4 }],
  [7, { name: 'bool', bytes: 1 }],
  [8, { name: 'string', bytes: 0 }],
  [9, { name: 'array', bytes: 0 }],
  [10, { name: 'uint64', bytes: 8 }],
  [11, { name: 'int64', bytes: 8 }],
  [12, { name: 'float64', bytes: 8 }],
]);

export const stringType = 8;
export const arrayType = 9;

export interface TensorType {
  readonly name: string;
  /** Elements per block. */
  readonly blockElements: number;
  readonly blockBytes: number;
}

const tensorType = (name: string, blockElements: number, blockBytes: number): TensorType => ({
  name,
  blockElements,
  blockBytes,
});

/** Tensor types by their number in the file. */
export const tensorTypes: ReadonlyMap<number, TensorType> = new Map([
  [0, tensorType('F32', 1, 4)],
  [1, tensorType('F16', 1, 2)],
  [2, tensorType('Q4_0', 32, 18)],
  [3, tensorType('Q4_1', 32, 20)],
  [6, tensorType('Q5_0', 32, 22)],
  [7, tensorType('Q5_1', 32, 24)],
  [8, tensorType('Q8_0', 32, 34)],
  [9, tensorType('Q8_1', 32, 36)],
  [10, tensorType('Q2_K', 256, 84)],
  [11, tensorType('Q3_K', 256, 110)],
  [12, tensorType('Q4_K', 256, 144)],
  [13, tensorType('Q5_K', 256, 176)],
  [14, tensorType('Q6_K', 256, 210)],
  [15, tensorType('Q8_K', 256, 292)],
  [16, tensorType('IQ2_XXS', 256, 66)],
  [17, tensorType('IQ2_XS', 256, 74)],
  [18, tensorType('IQ3_XXS', 256, 98)],
  [19, tensorType('IQ1_S', 256, 50)],
  [20, tensorType('IQ4_NL', 32, 18)],
  [21, tensorType('IQ3_S', 256, 110)],
  [22, tensorType('IQ2_S', 256, 82)],
  [23, tensorType('IQ4_XS', 256, 136)],
  [24, tensorType('I8', 1, 1)],
  [25, tensorType('I16', 1, 2)],
  [26, tensorType('I32', 1, 4)],
  [27, tensorType('I64', 1, 8)],
  [28, tensorType('F64', 1, 8)],
  [29, tensorType('IQ1_M', 256, 56)],
  [30, tensorType('BF16', 1, 2)],
  [34, tensorType('TQ1_0', 256, 54)],
  [35, tensorType('TQ2_0', 256, 66)],
  [39, tensorType('MXFP4', 32, 17)],
  [40, tensorType('NVFP4', 64, 36)],
]);

/** What `general.file_type` means, as Ollama and llama.cpp print it. */
export const fileTypes: ReadonlyMap<number, string> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [7, 'Q8_0'],
  [8, 'Q5_0'],
  [9, 'Q5_1'],
  [10, 'Q2_K'],
  [11, 'Q3_K_S'],
  [12, 'Q3_K_M'],
  [13, 'Q3_K_L'],
  [14, 'Q4_K_S'],
  [15, 'Q4_K_M'],
  [16, 'Q5_K_S'],
  [17, 'Q5_K_M'],
  [18, 'Q6_K'],
  [19, 'IQ2_XXS'],
  [20, 'IQ2_XS'],
  [21, 'Q2_K_S'],
  [22, 'IQ3_XS'],
  [23, 'IQ3_XXS'],
  [24, 'IQ1_S'],
  [25, 'IQ4_NL'],
  [26, 'IQ3_S'],
  [27, 'IQ3_M'],
  [28, 'IQ2_S'],
  [29, 'IQ2_M'],
  [30, 'IQ4_XS'],
  [31, 'IQ1_M'],
  [32, 'BF16'],
  [36, 'TQ1_0'],
  [37, 'TQ2_0'],
  [38, 'MXFP4'],
  [39, 'NVFP4'],
]);

/**
 * Maxima far above any real model. They bound time and memory of reading a hostile file: nothing is
 * allocated by a number from the file before it was held against these and against the file's size.
 */
export const maxima = {
  /** Bytes before the tensor data. */
  headerBytes: 256 * 1024 * 1024,
  metadataEntries: 65_536,
  keyBytes: 65_535,
  stringBytes: 4 * 1024 * 1024,
  arrayElements: 16 * 1024 * 1024,
  /** Memory for metadata that is kept, summarised and verbose. */
  keptBytes: 16 * 1024 * 1024,
  keptBytesVerbose: 128 * 1024 * 1024,
  tensors: 65_536,
  tensorNameBytes: 63,
  dimensions: 4,
  alignment: 16 * 1024 * 1024,
} as const;

/** Alignment of tensor data when `general.alignment` does not say. */
export const defaultAlignment = 32;

/** Arrays with more elements are null in summaries. */
export const summaryElements = 64;
