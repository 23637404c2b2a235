import type { Done, Vfs, VfsFile } from '../../../../agent/src/raft/storage/vfs.ts';

/** What the disk does to syncs. */
export interface DiskFaults {
  slowMs: number;
  broken: boolean;
}

const fail = (done: Done): void => {
  setImmediate(() => done(Object.assign(new Error('input/output error'), { code: 'EIO' })));
};

/** A disk that can be made slow or broken while it is used. */
export const faultyVfs = (vfs: Vfs, faults: DiskFaults): Vfs => {
  const wrap = (file: VfsFile): VfsFile => ({
    size: () => file.size(),
    read: (into, position) => file.read(into, position),
    readLater: (into, position, done) => file.readLater(into, position, done),
    write: (chunks, position, done) => file.write(chunks, position, done),
    writeDurably: (chunks, position, done) => {
      if (faults.broken) fail(done);
      else if (faults.slowMs === 0) file.writeDurably(chunks, position, done);
      else setTimeout(() => file.writeDurably(chunks, position, done), faults.slowMs);
    },
    preallocate: (bytes, done) => file.preallocate(bytes, done),
    truncate: (size, done) => file.truncate(size, done),
    close: () => file.close(),
    sync: (done) => {
      if (faults.broken) fail(done);
      else if (faults.slowMs === 0) file.sync(done);
      else setTimeout(() => file.sync(done), faults.slowMs);
    },
  });
  return {
    ...vfs,
    open: (path, mode) => wrap(vfs.open(path, mode)),
    create: (path, done) =>
      vfs.create(path, (error, file) => done(error, file === undefined ? undefined : wrap(file))),
  };
};
