import winston from 'winston';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log. Levels that are off cost a comparison: pass a function when fields are dear to build. */
export interface Logger {
  debug(message: string, fields?: LogFields | (() => LogFields)): void;
  info(message: string, fields?: LogFields | (() => LogFields)): void;
  warn(message: string, fields?: LogFields | (() => LogFields)): void;
  error(message: string, fields?: LogFields | (() => LogFields)): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

const rank: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };

const secretKey =
  /(pass(word|wd|phrase)?|secret|token|authorization|cookie|api[-_]?key|private[-_]?key|credential|ticket)/i;
const secretText = [
  /\bBearer\s+[A-Za-z0-9._~+/=-]+/gi,
  /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g,
  /\b(ticket|token|access_token|api_key|password|secret)=[^&\s"]+/gi,
  /\/\/[^/\s:@]+:[^/\s@]+@/g,
];
const mask = '[redacted]';
const countKey = /tokens(PerSecond|Total)?$|_tokens$|tokenSeconds/i;

/** Replaces what looks like a secret, by key name and by form, at any depth; breaks cycles. */
export const redact = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string')
    return secretText.reduce((text, pattern) => text.replace(pattern, mask), value);
  if (value === null || typeof value !== 'object') return value;
  if (depth > 8) return '[deep]';
  if (value instanceof Error) {
    const code = (value as { code?: unknown }).code;
    return {
      name: value.name,
      message: redact(value.message),
      ...(code === undefined ? {} : { code }),
      ...(value.stack === undefined ? {} : { stack: redact(value.stack) }),
      ...(value.cause === undefined ? {} : { cause: redact(value.cause, depth + 1) }),
    };
  }
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      secretKey.test(key) && !countKey.test(key) && item !== undefined && typeof item !== 'boolean'
        ? mask
        : redact(item, depth + 1),
    ]),
  );
};

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Where lines go; standard error for text on a terminal keeps standard output for data. */
  readonly stream: NodeJS.WritableStream;
}

/** The root logger of a process. `close` flushes, with a deadline of one second. */
export const createLogger = (options: LoggerOptions): Logger & { close(): Promise<void> } => {
  const { combine, timestamp, printf, json } = winston.format;
  const text = printf(({ timestamp: at, level, message, ...fields }) => {
    const rest = Object.entries(fields)
      .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(' ');
    return `${String(at)} ${level.toUpperCase().padEnd(5)} ${String(message)}${rest === '' ? '' : `  ${rest}`}`;
  });
  const root = winston.createLogger({
    level: options.level,
    levels: rank,
    format: combine(timestamp(), options.format === 'json' ? json() : text),
    transports: [new winston.transports.Stream({ stream: options.stream })],
  });
  const make = (bound: LogFields): Logger => {
    const write = (
      level: LogLevel,
      message: string,
      fields: LogFields | (() => LogFields) | undefined,
    ): void => {
      if (rank[level] > rank[options.level]) return;
      const given = typeof fields === 'function' ? fields() : fields;
      root.log({ ...(redact({ ...bound, ...given }) as LogFields), level, message: String(redact(message)) });
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return {
    ...make({}),
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        root.once('finish', () => {
          clearTimeout(timer);
          resolve();
        });
        root.end();
      }),
  };
};

/** Swallows everything; for tests of parts that log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
