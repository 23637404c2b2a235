import { resolve } from 'node:path';
import type { ModelSpec } from '@ollamamax/api';
import { wantedFiles } from './verified-file.ts';

/** Which files models are made from. */
export interface DesiredFiles {
  /** Downloads by digest, and whether they stay when the model goes. */
  readonly downloads: ReadonlyMap<string, boolean>;
  /** Files used in place, as absolute paths. */
  readonly inPlace: ReadonlySet<string>;
}

/** Of several models with the same bytes, one that keeps them is enough. */
export const desiredFiles = (specs: readonly ModelSpec[]): DesiredFiles => {
  const downloads = new Map<string, boolean>();
  const inPlace = new Set<string>();
  for (const spec of specs)
    for (const { source, sha256 } of wantedFiles(spec)) {
      if ('file' in source) inPlace.add(resolve(source.file));
      else if (sha256 !== undefined)
        downloads.set(sha256, spec.keepFiles === true || downloads.get(sha256) === true);
    }
  return { downloads, inPlace };
};
