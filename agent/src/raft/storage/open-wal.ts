import { dirname, join } from 'node:path/posix';
import type { ConfState } from '../core/types.ts';
import { ActiveSegment, type ActiveSegmentState } from './active-segment.ts';
import { LogState } from './log-state.ts';
import { closeSegments, openSegments, recover, type Recovered, type SegmentFile } from './recovery.ts';
import { repairTail } from './repair.ts';
import { encodeHeader, unusableIdentity } from './segment.ts';
import { SegmentSet } from './segment-set.ts';
import { inTurn, prepareSegment, SpareSegment, unfinishedSuffix } from './spare-segment.ts';
import type { PreparedSegment } from './spare-segment.ts';
import { StorageError, WalFailedError } from './storage-error.ts';
import { endOfRemains, sectorBytes } from './tail-verdict.ts';
import type { Done, Vfs } from './vfs.ts';
import { Wal, type WalParts } from './wal.ts';

export interface WalOptions extends Pick<WalParts, 'identity' | 'onFailure' | 'onTrouble'> {
  readonly vfs: Vfs;
  /** Absolute; for one log and nothing else. It is made when it is not there, the folder above it is not. */
  readonly directory: string;
  /**
   * Members that an empty log begins with. Without it a folder that holds no log is refused: whoever is a member
   * already must find what it wrote.
   */
  readonly create: ConfState | undefined;
  /** Of a segment, in bytes: a multiple of 512, so that the end of a file tears no sector; 64 MiB when left out. */
  readonly segmentBytes?: number;
  /** Of entries in memory, in bytes; 16 MiB when left out. */
  readonly cacheBytes?: number;
  /** In milliseconds, to measure the disk; a monotonic clock when left out. */
  readonly now?: () => number;
}

export type OpenedWal =
  | { readonly wal: Wal; readonly error?: undefined }
  | { readonly wal?: undefined; readonly error: StorageError };

const segmentBytesDefault = 64 * 1024 * 1024;
const cacheBytesDefault = 8 * 1024 * 1024;

/**
 * Opens the log of a member: reads it, drops what a crash cut off, and makes durable what is left.
 * @param done told once, possibly before the call returns: the log, or a StorageError whose code is wal_missing, wal_foreign, wal_newer_format,
 *   wal_corrupt or wal_failed; nothing was changed in the first four cases
 */
export const openWal = (options: WalOptions, done: (opened: OpenedWal) => void): void => {
  const { vfs, directory, identity, create } = options;
  const { segmentBytes = segmentBytesDefault } = options;
  const reason =
    segmentBytes > 0 && segmentBytes % sectorBytes === 0
      ? unusableIdentity(identity)
      : `segments of ${segmentBytes} bytes do not consist of whole sectors`;
  if (reason !== undefined) throw new RangeError(reason);
  let found: readonly SegmentFile[] = [];
  let goOn: () => void;
  try {
    if (create !== undefined) vfs.makeDirectory(directory);
    found = openSegments(vfs, directory);
    const recovered = recover(found, identity);
    if (recovered !== undefined) {
      goOn = resuming(options, recovered, found, done);
    } else {
      closeSegments(found);
      goOn = () =>
        create === undefined ? done({ error: missingLog(directory) }) : begin(options, create, done);
    }
  } catch (error) {
    closeSegments(found);
    const isMissing = create === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT';
    goOn = () => done({ error: isMissing ? missingLog(directory) : asStorageError(error, directory) });
  }
  goOn();
};

const missingLog = (directory: string): StorageError =>
  new StorageError('wal_missing', `There is no log in ${directory}.`, { file: directory });

const asStorageError = (error: unknown, file: string): StorageError =>
  error instanceof StorageError ? error : new WalFailedError('opening', file, error);

/** Begins a log: its first header is durable before anybody learns that there is a log. */
const begin = (options: WalOptions, config: ConfState, done: (opened: OpenedWal) => void): void => {
  const { vfs, directory, identity, segmentBytes = segmentBytesDefault } = options;
  prepareSegment(vfs, directory, 1, segmentBytes, (error, segment) => {
    if (segment === undefined) {
      done({ error: asStorageError(error, directory) });
      return;
    }
    const state = LogState.empty(config);
    const { bytes, crc } = encodeHeader({
      identity,
      sequence: 1,
      preallocated: segmentBytes,
      previousEnd: 0,
      seed: 0,
      summary: state.summary,
    });
    const steps = [
      (next: Done) => segment.file.writeDurably([bytes], 0, next),
      (next: Done) => vfs.syncDirectory(dirname(directory), next),
    ];
    inTurn(steps, (failed) => {
      if (failed !== undefined) {
        segment.file.close();
        done({ error: asStorageError(failed, directory) });
        return;
      }
      const tail = { end: bytes.length, seed: crc };
      const segments = new SegmentSet(vfs, [segment], []);
      done({ wal: assemble(options, state, segment, tail, segments) });
    });
  });
};

/** @returns what goes on with the log that was found; all that can throw is done before */
const resuming = (
  options: WalOptions,
  { segments, tail, spare, state, leftovers }: Recovered,
  found: readonly SegmentFile[],
  done: (opened: OpenedWal) => void,
): (() => void) => {
  const { vfs, directory, segmentBytes = segmentBytesDefault } = options;
  const last = segments.at(-1);
  if (last === undefined) throw new Error('a log without segments');
  const isReusable = spare?.file.size() === segmentBytes && endOfRemains(spare.file, 0) === 0;
  const remains = endOfRemains(last.file, tail.end);
  const file = vfs.open(last.path, 'write');
  const prepared = isReusable
    ? { path: spare.path, sequence: spare.sequence, file: vfs.open(spare.path, 'write'), bytes: segmentBytes }
    : undefined;
  const steps = [
    ...removingUnfinished(vfs, directory),
    (next: Done) => repairTail(file, { ...tail, remains }, next),
    // A name may be seen without being durable, when only the process died.
    (next: Done) => vfs.syncDirectory(directory, next),
    (next: Done) => vfs.syncDirectory(dirname(directory), next),
  ];
  const end = (failed?: Error): void => {
    const kept = failed === undefined ? segments.slice(0, -1) : [];
    closeSegments(found.filter((segment) => !kept.some(({ path }) => path === segment.path)));
    if (failed !== undefined) {
      file.close();
      prepared?.file.close();
      done({ error: asStorageError(failed, last.path) });
      return;
    }
    const active = { path: last.path, sequence: last.sequence, file, bytes: last.header.preallocated };
    const held = new SegmentSet(vfs, [...kept, active], leftovers);
    done({ wal: assemble(options, state, active, tail, held, prepared) });
  };
  return () => inTurn(steps, end);
};

/** What a crash kept from getting its name. */
const removingUnfinished = (vfs: Vfs, directory: string): ((done: Done) => void)[] =>
  vfs
    .list(directory)
    .filter((name) => name.endsWith(unfinishedSuffix))
    .map((name) => (done) => vfs.remove(join(directory, name), done));

const assemble = (
  options: WalOptions,
  state: LogState,
  segment: PreparedSegment,
  tail: ActiveSegmentState,
  segments: SegmentSet,
  prepared?: PreparedSegment,
): Wal => {
  const { vfs, directory, identity, onFailure, onTrouble } = options;
  const spare = new SpareSegment(vfs, directory, options.segmentBytes ?? segmentBytesDefault);
  if (prepared !== undefined) spare.adopt(prepared);
  return new Wal({
    identity,
    state,
    active: new ActiveSegment(segment, identity, tail),
    segments,
    spare,
    cacheBytes: options.cacheBytes ?? cacheBytesDefault,
    now: options.now ?? (() => performance.now()),
    onFailure,
    onTrouble,
  });
};
