import { addresses, nodeAddress, nodeCgroup } from './addresses.ts';
import { images } from './images.ts';

/** The files from which the programs of one node take their settings. */
export interface NodeFiles {
  readonly number: number;
  readonly resolvConf: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly proxyKubeconfig: string;
}

/** For containerd. */
export function containerdSettings(): string {
  return `version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[plugins."io.containerd.grpc.v1.cri"]
  # Where root may not lower its own score, runc could not either and would end without a word.
  restrict_oom_score_adj = true
  sandbox_image = "${images.pause}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
}

export function kubeletSettings(files: NodeFiles): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress(files.number),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.authority },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: files.certificate,
    tlsPrivateKeyFile: files.key,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${nodeCgroup(files.number)}`,
    cgroupsPerQOS: true,
    enforceNodeAllocatable: ['pods'],
    failCgroupV1: false,
    failSwapOn: false,
    // See containerd's.
    oomScoreAdj: 0,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    clusterDNS: [addresses.dns],
    clusterDomain: 'cluster.local',
    resolvConf: files.resolvConf,
    // All nodes see the one disk of this machine, which may be rather full.
    evictionHard: {
      'memory.available': '200Mi',
      'nodefs.available': '1%',
      'nodefs.inodesFree': '1%',
      'imagefs.available': '1%',
    },
    imageGCHighThresholdPercent: 100,
    maxPods: 110,
    nodeStatusUpdateFrequency: '5s',
    syncFrequency: '10s',
  });
}

export function proxySettings(files: NodeFiles): string {
  return JSON.stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: files.proxyKubeconfig },
    clusterCIDR: addresses.pods,
    oomScoreAdj: 0,
    hostnameOverride: `node-${files.number}`,
    metricsBindAddress: '127.0.0.1:10249',
    // These belong to the machine and cannot be set from within a network namespace.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}

/** For the network plugins of a node whose pods have addresses of this range. */
export function podNetworkSettings(podRange: string): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: podRange }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
}
