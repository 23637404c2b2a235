import { describe, expect, test } from '@jest/globals';
import { isApiError, type InferenceRequest } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import { chat, createTestEngine, ask, tinyModel } from './test-engine.fixture.ts';
import { checkImages } from './vision.ts';

const seer = tinyModel({ projector: { digest: 'eye', path: '/nowhere/mmproj.gguf', sizeBytes: 1 } });

const gif = (width: number, height: number): string => {
  const file = Buffer.alloc(40);
  file.write('GIF89a', 'latin1');
  file.writeUInt16LE(width, 6);
  file.writeUInt16LE(height, 8);
  return file.toString('base64');
};

const withImages = (...images: string[]): InferenceRequest['input'] => ({
  kind: 'chat',
  messages: [
    { role: 'user', content: 'Hi' },
    { role: 'user', content: 'Look', images: images.map((data) => ({ data, at: 0 })) },
  ],
});

const refusal = (model: EngineModel, input: InferenceRequest['input'], program?: string): unknown => {
  try {
    checkImages(model, input, program);
    return undefined;
  } catch (error) {
    return isApiError(error) ? [error.code, error.message] : error;
  }
};

describe('images of a request', () => {
  test('are taken for a model with a projector where llama-server is', () => {
    expect(refusal(seer, withImages(gif(8192, 8192), gif(1, 1)), 'llama-server')).toBeUndefined();
    expect(
      refusal(seer, { kind: 'prompt', prompt: 'x', images: [gif(1, 1)] }, 'llama-server'),
    ).toBeUndefined();
  });

  test('are refused for a model without a projector, whatever they are', () => {
    const refused = ['capability_missing', '"ollamamax-tiny:latest" does not support images.'];
    expect(refusal(tinyModel(), withImages('aGk='), 'llama-server')).toEqual(refused);
    expect(refusal(tinyModel(), { kind: 'prompt', prompt: 'x', images: ['aGk='] })).toEqual(refused);
    expect(
      refusal(tinyModel(), { ...withImages('aGk='), kind: 'render' } as InferenceRequest['input']),
    ).toEqual(refused);
  });

  test('are refused where llama-server is missing, with where to get it and how to name it', () => {
    expect(refusal(seer, withImages(gif(1, 1)))).toEqual([
      'capability_missing',
      expect.stringMatching(
        /llama-server of llama\.cpp \(https:.*inference\.llamaServer.*OLLAMAMAX_LLAMA_SERVER/,
      ),
    ]);
  });

  test.each([
    ['', 'is not the content of a file in base64'],
    ['not base64!', 'is not the content of a file in base64'],
    ['aGk=', 'is not in PNG, JPEG, GIF or WebP'],
    [gif(0, 5), 'has 0 × 5 pixels'],
    [gif(65_535, 65_535), 'has 65535 × 65535 pixels'],
  ])('%j is refused as the second one', (data, why) => {
    expect(refusal(seer, withImages(gif(1, 1), data), 'llama-server')).toEqual([
      'invalid_request',
      expect.stringContaining(`Image 2 of the request ${why}`),
    ]);
  });
});

test('a model with a projector answers text by the usual runner where llama-server is missing', async () => {
  const engine = createTestEngine();
  try {
    expect((await ask(engine, chat('What is your name?'), seer)).text).toContain('ollamamax-tiny');
  } finally {
    await engine.stop();
  }
});
