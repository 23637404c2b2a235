import { GenericContainer, Wait } from 'testcontainers';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import { ports } from '@ollamamax/api';
import { docker } from './docker.ts';

export interface AgentContainerOptions {
  readonly image: string;
  readonly id: string;
  readonly network: StartedNetwork;
  /** Name under which DNS gives the addresses of all containers that have it. */
  readonly alias: string;
  /** Folder on this machine with node.yaml and the files it names; mounted at /etc/ollamamax. */
  readonly settings: string;
}

/** A container as locked down as it gets. Testcontainers has no method for a read-only root. */
class LockedContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
    this.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges').withTmpFs({ '/tmp': 'rw' });
  }
}

/** An agent that runs in a container of its own. */
export class AgentContainer {
  readonly id: string;
  readonly #container: StartedTestContainer;
  readonly #log: readonly string[];

  private constructor(id: string, container: StartedTestContainer, log: readonly string[]) {
    this.id = id;
    this.#container = container;
    this.#log = log;
  }

  /** Starts it and waits until it says that it is ready. @throws with its log when it does not get there */
  static async start(options: AgentContainerOptions): Promise<AgentContainer> {
    const log: string[] = [];
    const container = new LockedContainer(options.image)
      .withNetwork(options.network)
      .withNetworkAliases(options.alias, options.id)
      .withHostname(options.id)
      .withEnvironment({ NODE_ID: options.id, ADVERTISE_RAFT: `${options.id}:${ports.raft}` })
      .withBindMounts([{ source: options.settings, target: '/etc/ollamamax', mode: 'ro' }])
      .withExposedPorts(ports.api, ports.dashboard, ports.metrics)
      .withLogConsumer((stream) => stream.on('data', (text) => log.push(String(text))))
      .withWaitStrategy(Wait.forHttp('/readyz', ports.metrics))
      .withStartupTimeout(120_000);
    try {
      return new AgentContainer(options.id, await container.start(), log);
    } catch (error) {
      throw new Error(`${options.id} does not become ready:\n${log.join('')}`, { cause: error });
    }
  }

  url(port: number, path: string): string {
    return `http://${this.#container.getHost()}:${this.#container.getMappedPort(port)}${path}`;
  }

  /** Runs a command inside. */
  async exec(command: string[]): Promise<{ exitCode: number; output: string }> {
    return this.#container.exec(command);
  }

  /** Bytes of memory that all of its processes may have together from now on. */
  async limitMemory(bytes: number): Promise<void> {
    await docker(['update', `--memory=${bytes}`, `--memory-swap=${bytes}`, this.#container.getId()]);
  }

  /** Asks it to end and waits until it has. Returns its exit code; the container stays, stopped. */
  async terminate(): Promise<number> {
    const id = this.#container.getId();
    await docker(['kill', '--signal=TERM', id]);
    return Number(await docker(['wait', id], 120_000));
  }

  /** What it has written so far. */
  log(): string {
    return this.#log.join('');
  }

  /** Removes it with its volume, running or not. */
  async remove(): Promise<void> {
    await docker(['rm', '--force', '--volumes', this.#container.getId()]);
  }
}
