const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1536 → "1.5 KiB". */
export const formatBytes = (bytes: number): string => {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[unit] ?? 'B'}`;
};

/** 12 400 ms → "12 s"; whole units, rounded down, never negative. */
export const formatDuration = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
};

/** One decimal below ten, none above. */
export const formatRate = (value: number): string =>
  value < 10 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0);

/** Share of the whole in percent, 0 to 100, rounded down: 100 means done. */
export const percentOf = (part: number, whole: number): number =>
  whole <= 0 ? 0 : Math.floor(Math.min(1, Math.max(0, part / whole)) * 100);

export type TimeZone = 'local' | 'utc';

export const formatTime = (ms: number, zone: TimeZone): string =>
  new Intl.DateTimeFormat(undefined, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
  }).format(ms);
