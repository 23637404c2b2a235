import type { Document } from '../harness/documents.ts';

/** A document that must not be taken. */
export interface Refused {
  readonly title: string;
  readonly document: Document;
  /** What the user is told, a sentence for each mistake. */
  readonly says: readonly string[];
}

export const refused = (title: string, document: Document, ...says: readonly string[]): Refused => ({
  title,
  document,
  says,
});

/** The words in which the API server tells what a schema does not allow. */
export const says = {
  atLeast: (path: string, value: number, bound: number): string =>
    `${path}: Invalid value: ${value}: ${path} in body should be greater than or equal to ${bound}`,
  atMost: (path: string, value: number, bound: number): string =>
    `${path}: Invalid value: ${value}: ${path} in body should be less than or equal to ${bound}`,
  oneOf: (path: string, value: string, ...allowed: readonly string[]): string =>
    `${path}: Unsupported value: "${value}": supported values: ${allowed.map((one) => `"${one}"`).join(', ')}`,
  type: (path: string, got: string, wanted: string): string =>
    `${path}: Invalid value: "${got}": ${path} in body must be of type ${wanted}: "${got}"`,
  pattern: (path: string, value: string, pattern: string): string =>
    `${path}: Invalid value: "${value}": ${path} in body should match '${pattern}'`,
  empty: (path: string, least = 1, value = ''): string =>
    `${path}: Invalid value: "${value}": ${path} in body should be at least ${least} chars long`,
  tooLong: (path: string, most: number): string => `${path}: Too long: may not be more than ${most} bytes`,
  tooMany: (path: string, count: number, most: number): string =>
    `${path}: Too many: ${count}: must have at most ${most} items`,
  required: (path: string): string => `${path}: Required value`,
  unknown: (path: string): string => `strict decoding error: unknown field "${path}"`,
  /** A rule of the Common Expression Language. */
  rule: (path: string, message: string): string => `${path}: Invalid value: "object": ${message}`,
} as const;

/** Patterns as the API server repeats them. */
export const patterns = {
  name: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
  quantity: '^([+]?[0-9]+([.][0-9]*)?|[+]?[.][0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE][+-]?[0-9]+))?$',
  host: String.raw`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`,
  interval: '^[0-9]+(ms|s|m)$',
  resource: '^[a-z0-9.-]+/[A-Za-z0-9._-]+$',
  model: '^[A-Za-z0-9][A-Za-z0-9._/-]*(:[A-Za-z0-9._-]+)?$',
  sha256: '^[0-9a-f]{64}$',
  url: String.raw`^https?://[^\s/]+\S*$`,
  repository: '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$',
} as const;
