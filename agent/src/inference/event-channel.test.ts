import { describe, expect, test } from '@jest/globals';
import { EventChannel } from './event-channel.ts';

describe('EventChannel', () => {
  test('joins text that waits and gives credit as it is read', async () => {
    const read: number[] = [];
    const channel = new EventChannel((units) => read.push(units));
    channel.push({ type: 'text', text: 'ab' });
    channel.push({ type: 'text', text: 'cde' });
    channel.end();
    expect(read).toEqual([]);
    expect(await channel.next()).toEqual({ type: 'text', text: 'abcde' });
    expect(read).toEqual([5]);
    expect(await channel.next()).toBeUndefined();
  });

  test('wakes a reader and drops what was unread when it fails', async () => {
    const channel = new EventChannel(() => undefined);
    const first = channel.next();
    channel.push({ type: 'text', text: 'a' });
    expect(await first).toEqual({ type: 'text', text: 'a' });
    channel.push({ type: 'text', text: 'lost' });
    channel.end(new Error('gone'));
    channel.push({ type: 'text', text: 'late' });
    await expect(channel.next()).rejects.toThrow('gone');
  });
});
