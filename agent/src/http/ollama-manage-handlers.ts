import {
  ApiError,
  type CopyBody,
  type CreateBody,
  type DeleteBody,
  type PullBody,
  type PushBody,
} from '@ollamamax/api';
import type { OwnModelService } from '../models/own/own-model-service.ts';
import { checkDigest } from '../models/own/blob-store.ts';
import type { Handler, Handlers } from './handlers.ts';
import { answerProgress, type ProgressOptions } from './ollama-manage-progress.ts';
import { uploadOf } from './ollama-manage-upload.ts';
import { clientGone } from './stream-writer.ts';

export interface ManageHandlerOptions extends ProgressOptions {
  readonly service: OwnModelService;
  /** An upload that brings no byte for so long is given up, in milliseconds. */
  readonly uploadStallMs: number;
  /** Aborts when the grace time of a drain is over; its reason is an ApiError. */
  readonly shutdown: AbortSignal;
}

type ManageRoute = 'pull' | 'push' | 'blobHead' | 'blobCreate' | 'create' | 'copy' | 'remove';

const nameIn = ({ model = '', name = '' }: DeleteBody): string => {
  const wanted = model === '' ? name : model;
  if (wanted === '') throw new ApiError('invalid_request', 'model is required.', { param: 'model' });
  return wanted;
};

/** Ollama's routes that change which models there are. */
export const ollamaManageHandlers = (options: ManageHandlerOptions): Handlers<ManageRoute> => {
  const { service, shutdown, uploadStallMs } = options;
  const signalOf = ({ response }: Parameters<Handler>[0]): AbortSignal =>
    AbortSignal.any([clientGone(response).signal, shutdown]);
  const userOf = ({ context }: Parameters<Handler>[0]): string => context.user?.name ?? '';
  const digestOf = ({ request }: Parameters<Handler>[0]): string =>
    checkDigest(String(request.params.digest));
  return {
    blobHead: async (call) => {
      const digest = digestOf(call);
      if (!(await service.hasBlob(digest, signalOf(call))))
        throw new ApiError('blob_not_found', `No agent has the blob ${digest}.`);
      call.response.status(200).end();
    },
    blobCreate: async (call) => {
      const { request, response } = call;
      const bytes = Number(request.headers['content-length'] ?? 0);
      const isNew = await service.upload(digestOf(call), uploadOf(request, uploadStallMs), bytes);
      // One that is here already is not read.
      if (!request.complete) response.setHeader('connection', 'close');
      response
        .status(isNew ? 201 : 200)
        .type('text/plain')
        .send('');
    },
    pull: async (call) => {
      const body = call.body as PullBody;
      const { insecure = false, stream = true } = body;
      const steps = service.pull(nameIn(body), insecure, userOf(call), signalOf(call));
      await answerProgress(call, steps, stream, options);
    },
    push: async (call) => {
      const body = call.body as PushBody;
      const { insecure = false, stream = true } = body;
      await answerProgress(call, service.push(nameIn(body), insecure, signalOf(call)), stream, options);
    },
    create: async (call) => {
      const { model = '', name = '', stream = true, ...content } = call.body as CreateBody;
      const steps = service.create(nameIn({ model, name }), content, userOf(call), signalOf(call));
      await answerProgress(call, steps, stream, options);
    },
    copy: async (call) => {
      const { source, destination } = call.body as CopyBody;
      await service.copy(source, destination, userOf(call), signalOf(call));
      call.response.type('text/plain').send('');
    },
    remove: async (call) => {
      await service.remove(nameIn(call.body as DeleteBody), signalOf(call));
      call.response.type('text/plain').send('');
    },
  };
};
