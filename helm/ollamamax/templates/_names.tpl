{{/* Beginning of all names. Other charts may hold this one under another name, hence the overrides. */}}
{{- define "ollamamax.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Name of the operator: an OllamaCluster may be called like the release, and its objects like the cluster. */}}
{{- define "ollamamax.operator" -}}
{{- include "ollamamax.fullname" . }}-operator
{{- end }}

{{- define "ollamamax.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "ollamamax.operator" . -}}
{{- else -}}
default
{{- end -}}
{{- end }}

{{/* Labels of everything. */}}
{{- define "ollamamax.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: ollamamax
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of what belongs to the operator's process. */}}
{{- define "ollamamax.operator.labels" -}}
{{ include "ollamamax.labels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* By which the operator's pods are found; a Deployment cannot change them. */}}
{{- define "ollamamax.operator.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* An image: takes a list of the root and the values of the image. */}}
{{- define "ollamamax.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}
