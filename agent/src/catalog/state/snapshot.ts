import { emptyCatalog, featureLevel, type CatalogState } from './catalog-state.ts';

interface Document {
  readonly format: 1;
  readonly state: CatalogState;
}

/** Bytes that are no snapshot of the catalogue, or one of a newer version. */
export class CatalogSnapshotError extends Error {
  override readonly name = 'CatalogSnapshotError';
}

export const encodeCatalog = (state: CatalogState): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ format: 1, state } satisfies Document));

/** @throws CatalogSnapshotError */
export const decodeCatalog = (bytes: Uint8Array): CatalogState => {
  let document: Partial<Document> | null;
  try {
    document = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    ) as Partial<Document> | null;
  } catch (error) {
    throw new CatalogSnapshotError('the snapshot is not JSON', { cause: error });
  }
  if (document?.format !== 1 || typeof document.state !== 'object')
    throw new CatalogSnapshotError('the snapshot is of a format that this version does not know');
  if (document.state.featureLevel > featureLevel)
    throw new CatalogSnapshotError(
      `the snapshot has feature level ${document.state.featureLevel}, this version knows ${featureLevel}`,
    );
  return { ...emptyCatalog, ...document.state };
};
