#!/bin/bash
# The first process of a node, in namespaces of its own: a container runtime, a kubelet and a proxy for services.
# When it ends, the kernel ends every pod of the node.
#
# In its environment: NODE_NAME, NODE_ADDRESS, GATEWAY, NODE_FOLDER (what the node keeps), PROGRAMS, IMAGES (folders)
# and VOLUMES (where pods find the folder `volumes` of the node).
set -euo pipefail

mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/containerd /run/netns /run/lock

# keep FOLDER PATH: what is written to PATH survives the node.
keep() {
  mkdir -p "$NODE_FOLDER/$1" "$2"
  mount --bind "$NODE_FOLDER/$1" "$2"
}
keep kubelet /var/lib/kubelet
mount --make-rshared /var/lib/kubelet
keep containerd /var/lib/containerd
keep cni /var/lib/cni
keep cni-settings /etc/cni/net.d
keep log/pods /var/log/pods
keep log/containers /var/log/containers
keep volumes "$VOLUMES"

# The sysfs of this network namespace, with the control groups of the machine below it.
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup

hostname "$NODE_NAME"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip addr add "$NODE_ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$GATEWAY"
sysctl -qw net.ipv4.ip_forward=1
# Absent where the kernel's bridges do not pass packets to iptables.
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true

export PATH=$PROGRAMS:$PATH
containerd -c "$NODE_FOLDER/containerd.toml" >>"$NODE_FOLDER/log/containerd.log" 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for image in "$IMAGES"/*.tar; do
  ctr -n k8s.io images import "$image" >/dev/null
done
kubelet --config="$NODE_FOLDER/kubelet.json" --kubeconfig="$NODE_FOLDER/kubelet.kubeconfig" \
  --hostname-override="$NODE_NAME" --node-ip="$NODE_ADDRESS" >>"$NODE_FOLDER/log/kubelet.log" 2>&1 &
kube-proxy --config="$NODE_FOLDER/kube-proxy.json" >>"$NODE_FOLDER/log/kube-proxy.log" 2>&1 &

# Orphans of pods come here to be waited for.
while :; do
  wait -n || true
  [ -n "$(jobs -r)" ] || sleep 1
done
