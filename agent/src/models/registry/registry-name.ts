import { ApiError, canonicalModelName, parseModelName } from '@ollamamax/api';

/** Where a model is in a registry. */
export interface RegistryName {
  /** `https://host[:port]`, or `http://…` when that is allowed. */
  readonly origin: string;
  /** `namespace/model` */
  readonly repository: string;
  readonly tag: string;
  /** Name of the model in this cluster. */
  readonly local: string;
}

/**
 * Reads `[scheme://][host/][namespace/]model[:tag]`.
 * @param insecure whether http is allowed, and meant where no scheme is given
 * @throws ApiError invalid_model_name, invalid_request
 */
export const parseRegistryName = (text: string, insecure: boolean): RegistryName => {
  const [, given, rest = ''] = /^(?:(https?):\/\/)?(.*)$/s.exec(text) ?? [];
  const scheme = given ?? (insecure ? 'http' : 'https');
  if (scheme === 'http' && !insecure)
    throw new ApiError(
      'invalid_request',
      'A registry without encryption is used only with "insecure": true.',
      {
        param: 'insecure',
      },
    );
  const { host, namespace, model, tag } = parseModelName(rest);
  const origin = `${scheme}://${host}`;
  if (!URL.canParse(origin))
    throw new ApiError('invalid_model_name', `${JSON.stringify(host)} is not a host.`, { param: 'model' });
  return { origin, repository: `${namespace}/${model}`, tag, local: canonicalModelName(rest) };
};
