import { join } from 'node:path/posix';
import type { Index, Term } from '../core/types.ts';
import { LogState } from './log-state.ts';
import { closeSegments, openSegment, recover, replaySegment, type SegmentFile } from './recovery.ts';
import { segmentName, sequenceOf, type LogSummary, type WalIdentity } from './segment.ts';
import { endOfRemains } from './tail-verdict.ts';
import { StorageError, WalFailedError } from './storage-error.ts';
import type { Vfs } from './vfs.ts';

/** One segment, looked at by itself. */
export interface SegmentReport {
  readonly file: string;
  readonly bytes: number;
  /** undefined: prepared ahead, or nothing of it can be read. */
  readonly identity: WalIdentity | undefined;
  /** Where its readable part ends. */
  readonly end: number;
  /** Of the entries that it adds; undefined when it adds none. */
  readonly firstIndex: Index | undefined;
  readonly lastIndex: Index | undefined;
  /** Of the last entry up to its end. */
  readonly lastTerm: Term | undefined;
}

/** What a folder holds. */
export interface WalReport {
  readonly segments: readonly SegmentReport[];
  /** What opening the log would give; undefined when it would be refused. */
  readonly log: LogSummary | undefined;
  /** Bytes at the end that a crash cut off and opening the log would drop. */
  readonly tornBytes: number;
  /** Why opening the log would be refused, and what else is wrong. */
  readonly problems: readonly StorageError[];
}

/**
 * Reads a log without changing anything, also one that is damaged or of somebody else. While a member writes it, its
 * end may look torn.
 */
export const inspectWal = (vfs: Vfs, directory: string): WalReport => {
  const problems: StorageError[] = [];
  /** Goes on with the rest after a problem. */
  const attempt = <T>(file: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      const problem = error instanceof StorageError ? error : new WalFailedError('reading', file, error);
      if (!problems.some(({ message }) => message === problem.message)) problems.push(problem);
      return undefined;
    }
  };
  const names = attempt(directory, () => vfs.list(directory)) ?? [];
  const sequences = names.flatMap((name) => sequenceOf(name) ?? []).sort((a, b) => a - b);
  const opened: SegmentFile[] = [];
  const segments = sequences.map((sequence) => {
    const file = join(directory, segmentName(sequence));
    const segment = attempt(file, () => openSegment(vfs, file, sequence));
    if (segment !== undefined) opened.push(segment);
    return (
      (segment && attempt(file, () => reportOf(segment))) ?? nothingReadable(file, segment?.file.size() ?? 0)
    );
  });
  try {
    // With a segment that cannot be opened at all, the others prove nothing about the log as a whole.
    const recovered =
      opened.length === sequences.length ? attempt(directory, () => recover(opened)) : undefined;
    if (recovered === undefined) {
      if (problems.length === 0)
        problems.push(
          new StorageError('wal_missing', `There is no log in ${directory}.`, { file: directory }),
        );
      return { segments, log: undefined, tornBytes: 0, problems };
    }
    const { state, tail } = recovered;
    const last = recovered.segments.at(-1);
    const tornBytes = last === undefined ? 0 : endOfRemains(last.file, tail.end) - tail.end;
    return { segments, log: state.summary, tornBytes, problems };
  } finally {
    closeSegments(opened);
  }
};

const nothingReadable = (file: string, bytes: number): SegmentReport => ({
  file,
  bytes,
  identity: undefined,
  end: 0,
  firstIndex: undefined,
  lastIndex: undefined,
  lastTerm: undefined,
});

const reportOf = (segment: SegmentFile): SegmentReport => {
  const { path, file, header } = segment;
  if (header === undefined) return nothingReadable(path, file.size());
  const state = new LogState(header.summary);
  const { tail } = replaySegment(segment, header.identity, state);
  const { last } = state.summary;
  const adds = state.availableFrom <= last.index;
  return {
    file: path,
    bytes: file.size(),
    identity: header.identity,
    end: tail.end,
    firstIndex: adds ? state.availableFrom : undefined,
    lastIndex: adds ? last.index : undefined,
    lastTerm: last.term,
  };
};
