import { readFileSync } from 'node:fs';

/**
 * Types of matrices that llama.cpp keeps a second time in memory, in an order that suits the processor. The pages of
 * the file that were read for that stay in the process too, until the kernel needs them for something else.
 */
const copiedWith = {
  amx: ['F16', 'Q4_0', 'Q4_1', 'Q8_0', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_XS', 'Q2_K', 'IQ4_NL', 'MXFP4'],
  avx2: ['Q4_0', 'Q4_K', 'Q2_K', 'IQ4_NL', 'MXFP4'],
  arm: ['Q4_0', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0', 'IQ4_NL', 'MXFP4'],
} as const;

/** @param flags words of the `flags` or `Features` line of `/proc/cpuinfo` */
export const copiedTypes = (flags: ReadonlySet<string>): ReadonlySet<string> => {
  if (flags.has('amx_int8')) return new Set(copiedWith.amx);
  if (flags.has('avx2')) return new Set(copiedWith.avx2);
  return new Set(flags.has('asimddp') ? copiedWith.arm : []);
};

let known: ReadonlySet<string> | undefined;

/** Those of this machine; none where it does not tell. */
export const copiedTypesHere = (): ReadonlySet<string> => {
  known ??= copiedTypes(
    new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(processorText())?.[1]?.trim().split(/\s+/)),
  );
  return known;
};

const processorText = (): string => {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
};
