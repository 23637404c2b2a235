{{/*
What the operator may do, in one place for all the ways to give it. Each rule is used, and nothing else is asked for:
the tests run the operator with exactly these. There is no list or watch of Secrets: the operator reads those that a
spec names, and those that it has made.
*/}}

{{/* In each namespace that it looks after. */}}
{{- define "ollamamax.rules.watched" -}}
- apiGroups: [ollamamax.io]
  resources: [ollamaclusters]
  verbs: [list, watch]
- apiGroups: [ollamamax.io]
  resources: [ollamamodels]
  verbs: [list, watch, patch]
- apiGroups: [ollamamax.io]
  resources: [ollamaclusters/status, ollamamodels/status]
  verbs: [patch]
# To be named as the owner of objects where the API server checks that (OwnerReferencesPermissionEnforcement).
- apiGroups: [ollamamax.io]
  resources: [ollamaclusters/finalizers, ollamamodels/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors, prometheusrules]
  verbs: [get, create, patch, delete]
{{- end }}

{{/* Of what belongs to no namespace. */}}
{{- define "ollamamax.rules.clusterReads" -}}
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end }}

{{/* In its own namespace: the lease of the one that acts. */}}
{{- define "ollamamax.rules.own" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
{{- end }}
