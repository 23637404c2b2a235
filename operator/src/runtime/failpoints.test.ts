import { expect, jest, test } from '@jest/globals';
import { createFailpoints, noFailpoints } from './failpoints.ts';

test('a place does what it was told, as often as it was told, in order', async () => {
  const crash = jest.fn<(name: string) => void>();
  const points = createFailpoints({ spec: 'one=2*error,crash; two = sleep(1) ;', crash });
  await expect(points.hit('one')).rejects.toThrow('failpoint one');
  await expect(points.hit('one')).rejects.toThrow('failpoint one');
  await points.hit('one');
  expect(crash).toHaveBeenCalledWith('one');
  await points.hit('one');
  await points.hit('two');
  await points.hit('elsewhere');
  await noFailpoints.hit('one');
  expect(crash).toHaveBeenCalledTimes(1);
});

test.each(['one', 'one=', '=crash', 'one=boom', 'one=sleep', 'one=0x2*crash'])('%s is refused', (spec) => {
  expect(() => createFailpoints({ spec, crash: () => undefined })).toThrow(SyntaxError);
});
