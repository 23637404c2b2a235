import type { OllamaCluster } from '@ollamamax/api';
import type { Clock, KubeClient, KubeObject } from '../kube/index.ts';
import { resources } from '../resources.ts';
import type { ChildWriter, Writing } from './child-writer.ts';
import { readSecrets, type SecretsNow } from './credentials.ts';
import { namesOf } from './desired/child.ts';

/** They are not watched, and are not read in each of the many passes of a roll. */
const freshMs = 15_000;

interface Known {
  readonly secrets: SecretsNow;
  readonly wish: string;
  readonly at: number;
}

export interface SecretKeeperOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly writer: ChildWriter;
}

/** Reads the Secrets of clusters by name, no more often than needed, and deletes those that have become superfluous. */
export class SecretKeeper {
  readonly #options: SecretKeeperOptions;
  readonly #known = new Map<string, Known>();
  /** For which generation superfluous ones were looked for, by uid: nobody but the operator makes them. */
  readonly #pruned = new Map<string, number>();

  constructor(options: SecretKeeperOptions) {
    this.#options = options;
  }

  /** As they are now, or were a moment ago; anew when somebody asks for something. */
  async read(cluster: OllamaCluster, signal: AbortSignal): Promise<SecretsNow> {
    const { client, clock } = this.#options;
    const { uid, generation, annotations } = cluster.metadata;
    const wish = JSON.stringify([generation, annotations]);
    const known = this.#known.get(uid);
    const now = clock.monotonic();
    if (known?.wish === wish && now - known.at < freshMs) return known.secrets;
    const secrets = await readSecrets(client, cluster, signal);
    this.#known.set(uid, { secrets, wish, at: now });
    return secrets;
  }

  /** Next time they are read. */
  expire(uid: string): void {
    this.#known.delete(uid);
  }

  forget(uid: string): void {
    this.#known.delete(uid);
    this.#pruned.delete(uid);
  }

  /** Only when no agent has an earlier template, which may mount them. */
  async prune(writing: Writing, wanted: readonly KubeObject[]): Promise<void> {
    const { cluster } = writing;
    const { uid, generation } = cluster.metadata;
    if (this.#pruned.get(uid) === generation) return;
    const { apiCertificate, auth, admin } = namesOf(cluster);
    const kept = new Set(wanted.map(({ metadata }) => metadata.name));
    // A person may make use of what was made: as the certificate of the Ingress, or in the environment of the pods.
    const spec = JSON.stringify(cluster.spec);
    const names = [apiCertificate, auth, admin].filter(
      (name) => !kept.has(name) && !spec.includes(JSON.stringify(name)),
    );
    await this.#options.writer.pruneNamed(writing, resources.secret, names);
    this.#pruned.set(uid, generation);
  }
}
