import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Logger } from '@ollamamax/common';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StateRoom } from './runner/protocol.ts';
import { StateRooms, type StateRoomOptions } from './state-rooms.ts';

const logged: string[] = [];
const record = (message: string): void => void logged.push(message);
const logger: Logger = { debug: record, info: record, warn: record, error: record, child: () => logger };

let folder: string;
beforeEach(async () => {
  logged.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'rooms-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface User {
  stateBytes: number;
  readonly ended: Promise<unknown>;
  readonly end: () => void;
}

const user = (): User => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { stateBytes: 0, ended: promise, end: () => resolve(undefined) };
};

const roomsOf = (options: StateRoomOptions): StateRooms => new StateRooms(options, logger);

const roomOf = async (rooms: StateRooms, available: number, one = user()): Promise<StateRoom> => {
  let given: StateRoom | undefined;
  await rooms.with(available, 1000, async (room) => {
    given = room;
    return one;
  });
  if (given === undefined) throw new Error('no room was given');
  return given;
};

describe('memory for states', () => {
  test('is promised until it is used or its runner has ended', async () => {
    const rooms = roomsOf({ memoryBytes: 500 });
    const [one, other] = [user(), user()];
    expect(await roomOf(rooms, 10_000, one)).toEqual({ memoryBytes: 500, diskBytes: 0, folder: undefined });
    expect(await roomOf(rooms, 1200, other)).toMatchObject({ memoryBytes: 200 });
    expect(rooms.promisedBytes).toBe(700);
    one.stateBytes = 300;
    expect(rooms.promisedBytes).toBe(400);
    // A state more than the budget, while two change places.
    one.stateBytes = 600;
    expect(rooms.promisedBytes).toBe(200);
    other.end();
    await other.ended;
    expect(rooms.promisedBytes).toBe(0);
  });

  test('is not promised to a runner that does not start', async () => {
    const rooms = roomsOf({ memoryBytes: 500 });
    const failed = rooms.with(10_000, 1000, () => Promise.reject<User>(new Error('no such file')));
    expect(rooms.promisedBytes).toBe(500);
    await expect(failed).rejects.toThrow('no such file');
    expect(rooms.promisedBytes).toBe(0);
  });
});

describe('the folder for states', () => {
  test('is a new one for each runner, and goes', async () => {
    await writeFile(join(folder, 'left by another'), '');
    const rooms = roomsOf({ memoryBytes: 0, diskBytes: 100, folder });
    const users = [user(), user()];
    const given = await Promise.all(users.map((one) => roomOf(rooms, 10_000, one)));
    expect((await readdir(folder)).map((name) => join(folder, name)).toSorted()).toEqual(
      given.map((room) => room.folder).toSorted(),
    );
    expect(given[0]).toMatchObject({ memoryBytes: 0, diskBytes: 100 });
    for (const { end } of users) end();
    await rooms.stop();
    await expect(access(folder)).rejects.toThrow('ENOENT');
  });

  test('is not made when nothing may be kept there', async () => {
    const rooms = roomsOf({ memoryBytes: 0, diskBytes: 0, folder });
    expect(await roomOf(rooms, 10_000)).toMatchObject({ diskBytes: 0, folder: undefined });
    await expect(access(folder)).rejects.toThrow('ENOENT');
  });

  test('that cannot be made costs the disk and nothing else', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const rooms = roomsOf({ memoryBytes: 7, diskBytes: 100, folder: join(file, 'below') });
    expect(await roomOf(rooms, 10_000)).toEqual({ memoryBytes: 7, diskBytes: 0, folder: undefined });
    expect(logged).toEqual(['states are not kept on disk']);
  });
});
