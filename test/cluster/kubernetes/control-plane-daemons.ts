import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetesPrograms } from '../../../scripts/kubernetes-programs.mjs';
import { addresses } from './addresses.ts';
import { ApiClient } from './api-client.ts';
import { writeAuditPolicy } from './audit-log.ts';
import { Certificates, writeKubeconfig } from './certificates.ts';
import { Daemons } from './daemons.ts';
import { freePorts } from './free-ports.ts';
import { until } from './until.ts';

export interface ControlPlaneOptions {
  /** Everything of this cluster lies there. */
  readonly folder: string;
  /** Where the API server listens. */
  readonly address: string;
  /** After so long without a word from its kubelet a node counts as dead. */
  readonly nodeGraceSeconds: number;
  /** Whether Services get endpoints: nobody can use those of pods that only seem to run. */
  readonly endpoints: boolean;
}

interface Ports {
  readonly api: number;
  readonly etcd: number;
  readonly etcdPeers: number;
  readonly controllers: number;
  readonly scheduler: number;
}

/** etcd, API server, controllers and scheduler as processes of this machine. */
export class ControlPlaneDaemons {
  readonly #options: ControlPlaneOptions;
  readonly daemons: Daemons;
  readonly certificates: Certificates;
  /** Of somebody who may do everything. */
  readonly kubeconfig: string;
  readonly auditLogFile: string;

  constructor(options: ControlPlaneOptions) {
    const { folder } = options;
    this.#options = options;
    this.daemons = new Daemons(folder);
    this.certificates = new Certificates(join(folder, 'certificates'));
    this.kubeconfig = join(folder, 'admin.kubeconfig');
    this.auditLogFile = join(folder, 'audit.log');
  }

  get url(): string {
    return `https://${this.#options.address}:${this.#ports().api}`;
  }

  /** Starts all and waits until the API server serves and controllers and scheduler work. */
  async start(): Promise<void> {
    const { folder } = this.#options;
    const programs = await kubernetesPrograms('all');
    await this.#prepare();
    const ports = this.#ports();
    const etcd = `http://127.0.0.1:${ports.etcd}`;
    const peers = `http://127.0.0.1:${ports.etcdPeers}`;
    this.daemons.start('etcd', [
      join(programs, 'etcd'),
      `--data-dir=${join(folder, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--initial-cluster=default=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--listen-peer-urls=${peers}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
    ]);
    this.daemons.start('kube-apiserver', this.#apiServer(join(programs, 'kube-apiserver'), etcd, ports));
    await this.untilServing();
    this.daemons.start('kube-controller-manager', [
      join(programs, 'kube-controller-manager'),
      ...this.#callsHome('controllers', ports.controllers),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${this.certificates.file('service-accounts.key')}`,
      `--root-ca-file=${this.certificates.file('ca.crt')}`,
      `--cluster-signing-cert-file=${this.certificates.file('ca.crt')}`,
      `--cluster-signing-key-file=${this.certificates.file('ca.key')}`,
      `--service-cluster-ip-range=${addresses.services}`,
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${addresses.pods}`,
      '--node-cidr-mask-size=24',
      `--node-monitor-grace-period=${this.#options.nodeGraceSeconds}s`,
      ...(this.#options.endpoints ? [] : ['--controllers=*,-endpoints-controller,-endpointslice-controller']),
    ]);
    this.daemons.start('kube-scheduler', [
      join(programs, 'kube-scheduler'),
      ...this.#callsHome('scheduler', ports.scheduler),
    ]);
    // Controllers work when the first of them has made what every namespace needs.
    await this.#untilThere('/api/v1/namespaces/default/serviceaccounts/default', 'kube-controller-manager');
  }

  /** Waits until the API server says that it is ready. */
  async untilServing(): Promise<void> {
    await this.#untilThere('/readyz', 'kube-apiserver');
  }

  /** Ends the API server, cutting every connection, and starts it again. */
  async restartApiServer(): Promise<void> {
    const running = this.daemons.find('kube-apiserver');
    if (running === undefined) throw new Error('the API server does not run');
    // With watches open it would take its time to end.
    await this.daemons.stop('kube-apiserver', 1000);
    this.daemons.start('kube-apiserver', running.command);
    await this.untilServing();
  }

  async #prepare(): Promise<void> {
    const { folder, address } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const [api = 0, etcd = 0, etcdPeers = 0, controllers = 0, scheduler = 0] = await freePorts(5);
    const ports: Ports = { api, etcd, etcdPeers, controllers, scheduler };
    writeFileSync(this.#portsFile(), JSON.stringify(ports));
    writeAuditPolicy(join(folder, 'audit-policy.json'));
    const { certificates } = this;
    await certificates.create();
    const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
    await Promise.all([
      certificates.issue('apiserver', {
        user: 'kube-apiserver',
        names: [
          ...[address, '127.0.0.1', addresses.apiService].map((one) => `IP:${one}`),
          ...[...names, 'kubernetes.default.svc.cluster.local'].map((name) => `DNS:${name}`),
        ],
      }),
      certificates.issue('apiserver-to-kubelet', { user: 'kube-apiserver', groups: ['system:masters'] }),
      certificates.issue('front-proxy', { user: 'front-proxy' }),
      certificates.issue('admin', { user: 'admin', groups: ['system:masters'] }),
      certificates.issue('controllers', { user: 'system:kube-controller-manager' }),
      certificates.issue('scheduler', { user: 'system:kube-scheduler' }),
    ]);
    writeKubeconfig(this.kubeconfig, this.url, certificates, 'admin');
    for (const name of ['controllers', 'scheduler']) {
      writeKubeconfig(join(folder, `${name}.kubeconfig`), this.url, certificates, name);
    }
  }

  #apiServer(program: string, etcd: string, ports: Ports): readonly string[] {
    const { folder, address } = this.#options;
    const file = (name: string) => this.certificates.file(name);
    return [
      program,
      `--etcd-servers=${etcd}`,
      `--advertise-address=${address}`,
      `--bind-address=${address}`,
      `--secure-port=${ports.api}`,
      `--service-cluster-ip-range=${addresses.services}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--profiling=false',
      `--client-ca-file=${file('ca.crt')}`,
      `--tls-cert-file=${file('apiserver.crt')}`,
      `--tls-private-key-file=${file('apiserver.key')}`,
      // Names of nodes are in no DNS.
      '--kubelet-preferred-address-types=InternalIP',
      `--kubelet-certificate-authority=${file('ca.crt')}`,
      `--kubelet-client-certificate=${file('apiserver-to-kubelet.crt')}`,
      `--kubelet-client-key=${file('apiserver-to-kubelet.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${file('service-accounts.pub')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      // This machine has no kube-proxy: webhooks are reached at their pods.
      '--enable-aggregator-routing=true',
      `--proxy-client-cert-file=${file('front-proxy.crt')}`,
      `--proxy-client-key-file=${file('front-proxy.key')}`,
      `--requestheader-client-ca-file=${file('ca.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--audit-policy-file=${join(folder, 'audit-policy.json')}`,
      `--audit-log-path=${this.auditLogFile}`,
      // Written before the answer is sent: who has the answer finds the line.
      '--audit-log-mode=blocking-strict',
    ];
  }

  #callsHome(name: string, port: number): readonly string[] {
    const kubeconfig = join(this.#options.folder, `${name}.kubeconfig`);
    return [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--leader-elect=false',
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      '--profiling=false',
    ];
  }

  #portsFile(): string {
    return join(this.#options.folder, 'ports.json');
  }

  #ports(): Ports {
    if (!existsSync(this.#portsFile())) throw new Error(`no control plane in ${this.#options.folder}`);
    return JSON.parse(readFileSync(this.#portsFile(), 'utf8')) as Ports;
  }

  async #untilThere(path: string, daemon: string): Promise<void> {
    const client = new ApiClient(this.kubeconfig);
    const state = async (): Promise<'works' | 'ended' | undefined> => {
      if (this.daemons.find(daemon) === undefined) return 'ended';
      const { status } = await client.request('GET', path, undefined, 2000);
      return status === 200 ? 'works' : undefined;
    };
    try {
      if ((await until(`${daemon} works`, state, { timeoutMs: 90_000 })) === 'ended') {
        throw new Error(`${daemon} has ended`);
      }
    } catch (error) {
      throw new Error(`${daemon} does not get ready. ${this.daemons.lastWords(daemon)}`, { cause: error });
    } finally {
      client.close();
    }
  }
}
