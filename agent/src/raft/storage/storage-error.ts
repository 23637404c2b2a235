/** What can go wrong with the disk of a member. Codes are stable. */
export type StorageErrorCode =
  | 'wal_missing'
  | 'wal_foreign'
  | 'wal_newer_format'
  | 'wal_corrupt'
  | 'wal_failed'
  | 'wal_short_of_space'
  | 'wal_cannot_remove'
  | 'snapshot_invalid'
  | 'snapshot_failed';

const replaceMember =
  'Change and delete nothing there: no acknowledged entry may be lost silently. Give this member an empty volume and a new ' +
  'member id, have the others remove the old id, and it catches up from them; keep the volume for an inquiry.';

/** What the reader can do next. */
const actions: Readonly<Record<StorageErrorCode, string>> = {
  wal_missing: 'Mount the volume that this member wrote, or have it join as a new member under a new id.',
  wal_foreign: 'Mount the volume of this member; a member that lost its volume joins under a new id.',
  wal_newer_format: 'Run the version that wrote it, or a later one.',
  wal_corrupt: replaceMember,
  wal_failed:
    'Check the disk and its free space, then restart the member: it goes on from what is on the disk. Should that be refused, ' +
    'give it an empty volume and a new member id.',
  wal_short_of_space: 'Free or add space on the volume; writing goes on in the space that is reserved.',
  wal_cannot_remove: 'Check the volume; it is tried again with the next segments that go.',
  snapshot_invalid: 'Have the snapshot sent or taken again; the log and older snapshots are not touched.',
  snapshot_failed: 'Check the disk and its free space; the snapshot is taken or sent again later.',
};

export interface StorageErrorPlace {
  /** Path of the file or folder. */
  readonly file?: string;
  /** Bytes from its beginning. */
  readonly offset?: number;
  readonly cause?: unknown;
}

/** An error of the disk: `message` says what is wrong and where, `action` what to do about it. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError';
  readonly code: StorageErrorCode;
  readonly action: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;

  constructor(code: StorageErrorCode, message: string, { file, offset, cause }: StorageErrorPlace = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.action = actions[code];
    this.file = file;
    this.offset = offset;
  }
}

/** The log holds something that no crash explains. Nothing of it was changed. */
export class WalCorruptError extends StorageError {
  override readonly name = 'WalCorruptError';

  /** @param what a clause such as `a record is damaged` */
  constructor(what: string, file: string, offset: number, cause?: unknown) {
    super('wal_corrupt', `The log is damaged in ${file} at byte ${offset}: ${what}.`, {
      file,
      offset,
      cause,
    });
  }
}

/** The log could not be written or synced. It is over for this process: nothing is acknowledged any more. */
export class WalFailedError extends StorageError {
  override readonly name = 'WalFailedError';

  /** @param operation a clause such as `syncing` */
  constructor(operation: string, file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('wal_failed', `The log has failed while ${operation} ${file}: ${reason}.`, { file, cause });
  }
}
