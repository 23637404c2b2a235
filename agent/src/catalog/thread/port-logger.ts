import type { LogFields, Logger, LogLevel } from '@ollamamax/common';

/** Hands lines to the thread that writes the log. Errors among the fields cross as their message. */
export const createPortLogger = (
  write: (level: LogLevel, message: string, fields: LogFields | undefined) => void,
  bound: LogFields = {},
): Logger => {
  const line =
    (level: LogLevel) =>
    (message: string, fields?: LogFields | (() => LogFields)): void => {
      const given = typeof fields === 'function' ? fields() : fields;
      const all = Object.entries({ ...bound, ...given }).map(([name, value]) => [
        name,
        value instanceof Error ? value.message : value,
      ]);
      write(level, message, Object.fromEntries(all) as LogFields);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => createPortLogger(write, { ...bound, ...fields }),
  };
};
