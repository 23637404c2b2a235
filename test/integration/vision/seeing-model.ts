import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRandomProjector } from '../../harness/random-projector.ts';

/** Width of the embeddings of the bundled model. */
const tinyEmbedding = 256;

export interface SeeingModel {
  /** The program llama-server. */
  readonly llamaServer: string;
  /** A projector that makes the bundled model read images, as far as weights that nobody trained can. */
  readonly projector: string;
  remove(): void;
}

/** What the bundled model needs to be shown images. @throws Error when the suite was not given llama-server */
export const seeingModel = async (): Promise<SeeingModel> => {
  const folder = process.env.OLLAMAMAX_LLAMA_SERVER_DIR;
  if (folder === undefined || folder === '')
    throw new Error(
      'Name the folder of llama-server in OLLAMAMAX_LLAMA_SERVER_DIR, or run these by npm test.',
    );
  const own = mkdtempSync(join(tmpdir(), 'ollamamax-test-projector-'));
  const projector = join(own, 'mmproj.gguf');
  await writeRandomProjector(projector, tinyEmbedding);
  return {
    llamaServer: join(folder, 'llama-server'),
    projector,
    remove: () => rmSync(own, { recursive: true, force: true }),
  };
};
