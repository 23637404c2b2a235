import { beforeEach, describe, expect, test } from '@jest/globals';
import { KubeError, type ApplyOptions, type KubeClient, type KubeObject } from '../kube/index.ts';
import { createFailpoints, noFailpoints } from './failpoints.ts';
import { StatusWriter, type WithStatus } from './status-writer.ts';
import { clientOf } from './unused-client.fixture.ts';

interface Status {
  readonly phase: string;
  readonly notes?: readonly string[];
}

const resource = { apiVersion: 'example.io/v1', kind: 'Thing', plural: 'things', namespaced: true };
const { signal } = new AbortController();

const thing = (resourceVersion: string, status?: Status, uid = 'uid-1'): WithStatus<Status> => ({
  apiVersion: 'example.io/v1',
  kind: 'Thing',
  metadata: { name: 'a', namespace: 'n', uid, resourceVersion },
  ...(status === undefined ? {} : { status }),
});

let applied: { readonly object: KubeObject; readonly options: ApplyOptions }[];
/** Version of the object after the next write, or why there is none. */
let answer: string | Error;

const client: KubeClient = clientOf({
  serverSideApply: async <T extends KubeObject>(
    _resource: unknown,
    object: KubeObject,
    options: ApplyOptions,
  ) => {
    applied.push({ object, options });
    if (typeof answer !== 'string') throw answer;
    return { ...object, metadata: { ...object.metadata, resourceVersion: answer } } as T;
  },
});

const writerOf = (failpoints = noFailpoints) =>
  new StatusWriter<Status>({ client, failpoints, resource, fieldManager: 'tester' });

beforeEach(() => {
  applied = [];
  answer = '20';
});

describe('write', () => {
  test('applies the whole status to that very object, and nothing else of it', async () => {
    expect(await writerOf().write(thing('10', { phase: 'old' }), { phase: 'new' }, signal)).toBe(true);
    expect(applied).toEqual([
      {
        object: {
          apiVersion: 'example.io/v1',
          kind: 'Thing',
          metadata: { name: 'a', namespace: 'n', uid: 'uid-1' },
          status: { phase: 'new' },
        },
        options: { fieldManager: 'tester', subresource: 'status', force: true, signal },
      },
    ]);
  });

  test('writes nothing that is there already', async () => {
    const status = { phase: 'same', notes: ['a'] };
    const again = { notes: ['a'], phase: 'same' };
    expect(await writerOf().write(thing('10', status), again, signal)).toBe(true);
    expect(applied).toEqual([]);
  });

  test('says when the object is gone, and remembers nothing of it', async () => {
    const writer = writerOf();
    answer = new KubeError({ code: 404, reason: 'NotFound', message: 'a' });
    const object = thing('10');
    expect(await writer.write(object, { phase: 'new' }, signal)).toBe(false);
    expect(writer.fresh(object)).toBe(object);
  });

  test('passes on what else goes wrong', async () => {
    const writer = writerOf();
    answer = new KubeError({ code: 409, reason: 'Conflict', message: 'another uid' });
    const object = thing('10');
    await expect(writer.write(object, { phase: 'new' }, signal)).rejects.toBe(answer);
    expect(writer.fresh(object)).toBe(object);
  });

  test('can be broken off before and after, and remembers what it wrote', async () => {
    const spec = 'before status Thing=error;after status Thing=error';
    const writer = writerOf(createFailpoints({ spec, crash: () => undefined }));
    const write = () => writer.write(writer.fresh(thing('10')), { phase: 'new' }, signal);
    await expect(write()).rejects.toThrow('failpoint before');
    expect(applied).toHaveLength(0);
    await expect(write()).rejects.toThrow('failpoint after');
    expect(await write()).toBe(true);
    expect(applied).toHaveLength(1);
  });
});

describe('fresh', () => {
  test('gives what was written as long as the cache is behind', async () => {
    const writer = writerOf();
    await writer.write(thing('10'), { phase: 'new' }, signal);
    for (const version of ['10', '9', '19'])
      expect(writer.fresh(thing(version, { phase: 'old' }))).toEqual(thing(version, { phase: 'new' }));
    await writer.write(writer.fresh(thing('10')), { phase: 'new' }, signal);
    expect(applied).toHaveLength(1);
  });

  test.each(['20', '21', '100'])(
    'gives the object of version %s as it is, and from then on',
    async (version) => {
      const writer = writerOf();
      await writer.write(thing('10'), { phase: 'new' }, signal);
      const object = thing(version, { phase: 'of somebody else' });
      expect(writer.fresh(object)).toBe(object);
      const unwritten = thing('10', { phase: 'old' });
      expect(writer.fresh(unwritten)).toBe(unwritten);
    },
  );

  test('gives the newest of what was written', async () => {
    const writer = writerOf();
    await writer.write(thing('10'), { phase: 'first' }, signal);
    answer = '30';
    await writer.write(thing('20'), { phase: 'second' }, signal);
    expect(writer.fresh(thing('20', { phase: 'first' })).status).toEqual({ phase: 'second' });
  });

  test('knows nothing of another incarnation, nor of one that was forgotten', async () => {
    const writer = writerOf();
    await writer.write(thing('10'), { phase: 'new' }, signal);
    const other = thing('10', undefined, 'uid-2');
    expect(writer.fresh(other)).toBe(other);
    writer.forget('uid-2');
    expect(writer.fresh(thing('10')).status).toEqual({ phase: 'new' });
    writer.forget('uid-1');
    expect(writer.fresh(thing('10')).status).toBeUndefined();
  });
});
