import { ApiError, type CatalogOperation } from '@ollamamax/api';
import type { CatalogState } from './state/catalog-state.ts';

export interface FeatureLevelOptions {
  /** This agent, which knows what is to be used. */
  readonly agent: string;
  readonly state: () => CatalogState;
  readonly peers: {
    list(): readonly {
      readonly id: string;
      readonly online: boolean;
      readonly status: { readonly featureLevel?: number } | undefined;
    }[];
  };
  readonly agree: (operation: CatalogOperation) => Promise<unknown>;
}

/**
 * Has the group use what came with a feature level, unless it does already. From then on a member of an older version
 * stops, so all of them have to say first that they know it.
 * @throws ApiError agents_outdated naming those that do not, and what agreeing throws
 */
export const requireFeatureLevel = async (level: number, options: FeatureLevelOptions): Promise<void> => {
  const { agent, agree, peers } = options;
  const { featureLevel, members } = options.state();
  if (featureLevel >= level) return;
  const able = new Set(
    peers
      .list()
      .filter(({ online, status }) => online && (status?.featureLevel ?? 1) >= level)
      .map(({ id }) => id),
  );
  const behind = Object.values(members)
    .map((member) => member.agent)
    .filter((id) => id !== agent && !able.has(id));
  if (behind.length > 0)
    throw new ApiError(
      'agents_outdated',
      `Not of a version that knows this, or not answering: ${behind.toSorted().join(', ')}.`,
      { retryAfterSeconds: 5 },
    );
  await agree({ op: 'raiseFeatureLevel', to: level });
};
