import type { TSchema } from 'typebox';
import type { ErrorCode } from '../errors.ts';
import type { Role } from '../names.ts';

export type Dialect = 'ollama' | 'openai' | 'anthropic' | 'native';

/** One operation of the public API: the server mounts it, OpenAPI and the reference are made from it. */
export interface Route {
  readonly method: 'get' | 'post' | 'delete' | 'head';
  /** OpenAPI form: `/api/v1/nodes/{id}`. */
  readonly path: string;
  readonly dialect: Dialect;
  readonly summary: string;
  /** What there is to know beside the summary, in plain sentences. */
  readonly description?: string;
  /** What each parameter of the path may be. */
  readonly parameters?: Readonly<Record<string, TSchema>>;
  /** What may stand behind the `?`; none of it is needed. */
  readonly query?: Readonly<Record<string, TSchema>>;
  /** Least role that may call it; `public` needs no token. */
  readonly access: 'public' | Role;
  readonly body?: TSchema;
  /** A body that an agent with the bundled model answers as it stands. */
  readonly example?: object;
  /** The body is the bytes of a file instead of JSON. */
  readonly upload?: true;
  /** A request without one is the same as one with an empty object. */
  readonly bodyOptional?: true;
  readonly response?: TSchema;
  /** Content type of the answer, where it is not JSON. */
  readonly contentType?: 'text/plain' | 'text/html' | 'text/css' | 'text/javascript';
  /** Statuses beside 200 that carry the same answer, with what each means. */
  readonly otherStatuses?: Readonly<Record<number, string>>;
  /** Content type of the streamed form of the answer. */
  readonly streams?: 'application/x-ndjson' | 'text/event-stream';
  /** One line or event of the streamed form. */
  readonly streamItem?: TSchema;
  /** What can go wrong in the work itself, beside what every route may answer. */
  readonly errors?: readonly ErrorCode[];
  /** Known to clients, but answered with not_implemented in this version; says what to do instead. */
  readonly unavailable?: string;
}
