import { describe, expect, test } from '@jest/globals';
import { isApiError } from '@ollamamax/api';
import { ContentParts, imageOfUrl } from './image-input.ts';

const refusal = (url: string): unknown => {
  try {
    return imageOfUrl(url, 'here');
  } catch (error) {
    return isApiError(error) ? [error.code, error.param, error.message] : error;
  }
};

describe('an image in a URL', () => {
  test('is what a data URL has in base64', () => {
    expect(imageOfUrl('data:image/png;base64,aGk=', 'here')).toBe('aGk=');
    expect(imageOfUrl('data:IMAGE/svg+xml;BASE64,', 'here')).toBe('');
  });

  test.each([
    'https://example.com/a.png',
    'http://169.254.169.254/latest',
    'file:///etc/passwd',
    '',
    'data:x',
  ])('is not fetched from %j', (url) => {
    expect(refusal(url)).toEqual(['invalid_request', 'here', expect.stringContaining('not fetched')]);
  });

  test.each(['data:,hi', 'data:text/plain;base64,aGk=', 'data:image/png,hi'])(
    'is not read out of %j',
    (url) => {
      expect(refusal(url)).toEqual(['invalid_request', 'here', expect.stringContaining('must be sent as')]);
    },
  );
});

describe('content in parts', () => {
  test('has its images where they stand in the text', () => {
    const parts = new ContentParts('\n\n', 'Error: ');
    expect(parts.isEmpty).toBe(true);
    parts.addImage('one');
    parts.addText('Hi');
    parts.addImage('two');
    expect(parts.isEmpty).toBe(false);
    expect(parts.content()).toEqual({
      content: 'Error: \n\nHi\n\n',
      images: [
        { data: 'one', at: 7 },
        { data: 'two', at: 13 },
      ],
    });
  });

  test('without images has none', () => {
    const parts = new ContentParts('');
    parts.addText('a');
    parts.addText('b');
    expect(parts.content()).toEqual({ content: 'ab' });
  });
});
