/** Addresses and names of the cluster with nodes. There is one of it on a machine. */
export const addresses = {
  /** The bridge that stands for the network between the machines, and the control plane's address on it. */
  bridge: 'ollamamax0',
  nodes: '10.89.0.0/24',
  controlPlane: '10.89.0.1',
  pods: '10.244.0.0/16',
  services: '10.96.0.0/16',
  /** The first of the services' addresses is the API server's own. */
  apiService: '10.96.0.1',
  dns: '10.96.0.10',
} as const;

/** Where nodes find what the volumes of pods hold. */
export const volumesInNode = '/var/lib/ollamamax-volumes';

export const nodeName = (number: number): string => `node-${number}`;
export const nodeAddress = (number: number): string => `10.89.0.${10 + number}`;
/** This machine's end of the cable to a node. */
export const nodeCable = (number: number): string => `ollamamax-n${number}`;
export const nodeCgroup = (number: number): string => `ollamamax-node-${number}`;
