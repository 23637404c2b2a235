import { ApiError } from '@ollamamax/api';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'may not be read by this process',
  EPERM: 'may not be read by this process',
  EISDIR: 'is not a regular file',
  ELOOP: 'is a chain of symbolic links that does not end',
};

/** Turns an error of the file system into one of the catalogue. */
export const fileError = (error: unknown, path: string): ApiError => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ApiError('disk_full', `There is no space left for ${path}.`, { cause: error });
  if (code === undefined) return new ApiError('internal', `${path}: ${message}`, { cause: error });
  return new ApiError('source_file_missing', `${path} ${reasons[code] ?? `cannot be read (${code})`}.`, {
    cause: error,
  });
};
