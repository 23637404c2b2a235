import { ApiError, type ChatImage } from '@ollamamax/api';

/**
 * The content of a data URL in base64. What lies elsewhere is not fetched: a request could have this agent ask whatever
 * is within its reach.
 * @throws ApiError invalid_request
 */
export const imageOfUrl = (url: string, param: string): string => {
  const refuse = (message: string): ApiError => new ApiError('invalid_request', message, { param });
  const [, type, data] = /^data:([^,]*),(.*)$/s.exec(url) ?? [];
  if (type === undefined || data === undefined)
    throw refuse(
      'Images are not fetched from elsewhere: send each as data:image/png;base64, and its content.',
    );
  if (!/^image\/[a-z0-9.+-]+;base64$/i.test(type))
    throw refuse(
      'An image must be sent as data:image/png;base64, and its content, or another type of image.',
    );
  return data;
};

/** Text and images of one message, put together in their order. */
export class ContentParts {
  readonly #between: string;
  #text: string;
  #count = 0;
  readonly #images: ChatImage[] = [];

  /**
   * @param between what stands between two parts
   * @param before what the first one is preceded by
   */
  constructor(between: string, before = '') {
    this.#between = between;
    this.#text = before;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  addText(text: string): void {
    this.#text += (this.#count === 0 ? '' : this.#between) + text;
    this.#count += 1;
  }

  /** @param data content of the file in base64 */
  addImage(data: string): void {
    this.addText('');
    this.#images.push({ data, at: this.#text.length });
  }

  content(): { readonly content: string; readonly images?: ChatImage[] } {
    return { content: this.#text, ...(this.#images.length === 0 ? {} : { images: [...this.#images] }) };
  }
}
