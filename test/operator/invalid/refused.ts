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
  empty: (path: string, least = 1, value = ''): string =>
    `${path}: Invalid value: "${value}": ${path} in body should be at least ${least} chars long`,
  tooLong: (path: string, most: number): string => `${path}: Too long: may not be more than ${most} bytes`,
  tooMany: (path: string, count: number, most: number): string =>
    `${path}: Too many: ${count}: must have at most ${most} items`,
  required: (path: string): string => `${path}: Required value`,
  unknown: (path: string): string => `strict decoding error: unknown field "${path}"`,
  /** A rule of the Common Expression Language. */
  rule: (path: string, message: string): string => `${path}: Invalid value: "object": ${message}`,
  /** The API server does not repeat what may be a number as well as a text. */
  amount: (path: string): string => `${path}: Invalid value: "": ${forms.amount}`,
  /** A rule about the text itself. */
  form: (path: string, message: string): string => `${path}: Invalid value: "string": ${message}`,
} as const;

/** Sentences about texts that are not of the form they must have. */
export const forms = {
  name: 'must be the name of an object: lower-case letters, digits, "-" and ".", with a letter or digit at both ends',
  amount: 'must be an amount such as 500m, 2 or 20Gi',
  image: 'image must be the reference of an image, without spaces',
  gpu: 'gpu.resourceName must be a domain and a name, such as nvidia.com/mig-1g.5gb',
  host: 'ingress.host must be a host name such as llm.example.com, in lower case and without scheme, port and path',
  interval: 'monitoring.interval must be a whole number with ms, s or m, such as 30s',
  model: 'model must be a name with at most one tag, such as llama3.2:3b',
  sha256: 'sha256 must be 64 lower-case hexadecimal digits, without "sha256:" before',
  url: 'http.url must begin with http:// or https:// and a host, and have no spaces',
  repository: 'huggingFace.repository must be an owner and a name, such as owner/name',
} as const;
