/*
 * Every condition and every reason that the operator writes, with what it means and what to do: the reference
 * documents are made from this, and no reason is written that is not listed here.
 */

export interface ReasonText {
  readonly meaning: string;
  /** What a person does about it; nothing where there is nothing to do. */
  readonly action?: string;
}

export interface ConditionText {
  readonly meaning: string;
  readonly reasons: Readonly<Record<string, ReasonText>>;
}

/** In the order in which they are written. */
export const clusterConditions = {
  Ready: {
    meaning:
      'Summary: True when Available, QuorumReady and StorageReady are True and neither Progressing nor Degraded is.',
    reasons: {
      AllGood: { meaning: 'Everything asked for is there.' },
      NotAvailable: { meaning: 'No agent serves.', action: 'See Available and Degraded.' },
      NoQuorum: {
        meaning: 'The agents cannot agree on anything new; what is served goes on.',
        action: 'See QuorumReady and Degraded.',
      },
      StorageNotReady: { meaning: 'A volume is missing.', action: 'See StorageReady.' },
      Degraded: { meaning: 'Something needs attention.', action: 'See Degraded.' },
      Progressing: { meaning: 'A change is under way.', action: 'Wait; see Progressing.' },
    },
  },
  Available: {
    meaning: 'At least one agent serves requests.',
    reasons: {
      AgentsServing: { meaning: 'Agents are ready and serve.' },
      Starting: { meaning: 'No agent has become ready yet.', action: 'Wait; see Degraded if it takes long.' },
      NoAgentReady: {
        meaning: 'No agent is ready any more.',
        action: 'See Degraded, and the logs of the pods (kubectl logs).',
      },
    },
  },
  QuorumReady: {
    meaning:
      'The agents can agree on changes: one leads, and more than half of those with a vote answer it. Of agents too old to say so: more than half are ready.',
    reasons: {
      MajorityReady: { meaning: 'More than half of the voters are there, and one leads.' },
      NotBegun: {
        meaning: 'The agents have not begun to agree yet.',
        action: 'Wait; the message says which agent is missing. See Degraded if it takes long.',
      },
      NoLeader: {
        meaning: 'No agent leads, although enough voters answer.',
        action:
          'Wait a few seconds. If it stays so, check that agents reach each other at port 7000 (NetworkPolicies, certificates).',
      },
      MajorityMissing: {
        meaning: 'Half of the voters or more do not answer. Nothing is repaired by itself here.',
        action:
          'Bring their pods and volumes back. When they are lost for good: docs/raft/operations.md, "ollamamax raft recover".',
      },
      AllVolumesLost: {
        meaning: 'Every agent has come back with an empty volume: the group begins anew.',
        action:
          'Nothing: the operator gives the models again. Users and drains that were made by the API are gone, unless there is a backup.',
      },
    },
  },
  StorageReady: {
    meaning: 'Every agent has its volume.',
    reasons: {
      Bound: { meaning: 'Every volume is bound.' },
      Ephemeral: { meaning: 'The cluster uses no volumes (spec.storage.ephemeral).' },
      WaitingForVolumes: {
        meaning: 'Volumes are not bound yet.',
        action: 'Wait; some StorageClasses make a volume only when its pod is scheduled.',
      },
      StorageClassNotFound: {
        meaning: 'The StorageClass does not exist, or there is no default one.',
        action:
          'List them with "kubectl get storageclass". Create the class, or create an OllamaCluster that names another one: the class of existing claims cannot be changed.',
      },
      ResizeNotSupported: {
        meaning: 'The StorageClass does not let volumes grow.',
        action:
          'Let the class allow expansion (allowVolumeExpansion), or make another OllamaCluster: spec.storage.size cannot be set back. The agents serve on with the volumes that they have.',
      },
      Resizing: { meaning: 'Volumes are growing.', action: 'Wait.' },
    },
  },
  ModelsReady: {
    meaning: 'Every OllamaModel of the cluster is ready.',
    reasons: {
      NoModels: { meaning: 'No OllamaModel names this cluster.', action: 'Apply one.' },
      AllReady: { meaning: 'Every model is ready.' },
      SomeNotReady: { meaning: 'Some models are not ready yet.', action: 'See the OllamaModels.' },
      SomeFailed: { meaning: 'Some models failed.', action: 'See the conditions of the OllamaModels.' },
    },
  },
  Progressing: {
    meaning: 'A change is under way.',
    reasons: {
      Settled: { meaning: 'Nothing is being changed.' },
      Starting: { meaning: 'The first agents are starting.' },
      ScalingUp: { meaning: 'Agents are being added.' },
      ScalingDown: { meaning: 'Agents are being removed.' },
      ScaleDownBlocked: {
        meaning: 'Agents are to be removed, but that could cost the agents their majority, or none leads.',
        action:
          'Do what the message says, mostly: bring the silent agents back. Or set spec.replicas back to what it was.',
      },
      RollingOut: { meaning: 'Agents are being restarted one by one with a new template.' },
      RolloutBlocked: {
        meaning:
          'The roll waits: an agent is not ready, a model has no other ready copy, or the voters would lose their majority.',
        action: 'See Degraded, ModelsReady and QuorumReady. Setting back what was changed also ends it.',
      },
      Restarting: { meaning: 'An agent is starting again.' },
    },
  },
  Degraded: {
    meaning: 'Something needs attention.',
    reasons: {
      AsExpected: { meaning: 'Nothing does.' },
      ImagePullFailed: {
        meaning: 'A node cannot fetch the image.',
        action: 'Check spec.image and spec.imagePullSecrets; the message has the answer of the registry.',
      },
      Unschedulable: {
        meaning: 'No node fits an agent.',
        action:
          'The message says what is missing: make room, or lower spec.resources, spec.gpu or spec.scheduling.',
      },
      VolumeNotBound: {
        meaning: 'An agent waits for its volume.',
        action: 'See StorageReady.',
      },
      OutOfMemory: {
        meaning: 'An agent was ended because it used more memory than its limit.',
        action:
          'Raise spec.resources.limits.memory, or lower spec.inference (contextSize, parallel, maxLoadedModels).',
      },
      CrashLoop: {
        meaning: 'An agent ends again and again.',
        action: 'Read why: kubectl logs POD --previous.',
      },
      PodFailed: {
        meaning: 'An agent cannot be started.',
        action: 'The message says why; kubectl describe pod shows more.',
      },
      PodNotReady: {
        meaning: 'An agent has not been ready for some time.',
        action: 'kubectl describe pod and kubectl logs tell more.',
      },
      AgentDrained: {
        meaning: 'Somebody has drained an agent: it is given no requests, and rolls wait for it.',
        action: 'When it may serve again: POST /api/v1/nodes/AGENT/undrain.',
      },
      NodeLost: {
        meaning: 'The node of an agent does not report any more.',
        action:
          'Bring the node back, or, when it is gone for good, delete it (kubectl delete node): its agents then start elsewhere.',
      },
      AgentUnreachable: {
        meaning: 'The operator cannot reach a ready agent on its internal port.',
        action: 'Check NetworkPolicies between the namespaces of operator and cluster (port 9443).',
      },
      DesiredStateRefused: {
        meaning: 'An agent refuses what it is to bring about.',
        action: 'The message has its answer. Operator and agents may be of versions that do not fit.',
      },
      MemberRefused: {
        meaning:
          'The group of agents does not take the volume of an agent: it is an old one, or of another cluster.',
        action:
          'Mount the right volume, or move its folder "raft" away: the agent then joins as a new member.',
      },
      MemberLeft: {
        meaning: 'An agent was asked by somebody to leave the group of agents, and stays out.',
        action: '"ollamamax raft join" on it, or deleting its pod, lets it join again as a new member.',
      },
      MemberFailed: {
        meaning: 'An agent cannot write or read what it has agreed to.',
        action:
          'The message has the answer of the disk. Make room, or delete claim and pod: it joins as a new member.',
      },
      NameConflict: {
        meaning: 'An object that the operator needs exists and belongs to somebody else.',
        action: 'Delete or rename that object, or give the OllamaCluster another name.',
      },
      ReferenceNotFound: {
        meaning: 'A Secret that the spec names, or its key, does not exist.',
        action: 'Create it; the operator notices.',
      },
      ReferenceInvalid: {
        meaning: 'A Secret that the spec names, or that of the authority of the agents, cannot be used.',
        action: 'The message says what is wrong with it.',
      },
      ApplyFailed: {
        meaning: 'The API server refused an object.',
        action:
          'The message has its answer: an admission policy, a quota, or a field of the spec that Kubernetes refuses.',
      },
    },
  },
  Paused: {
    meaning: 'The operator leaves the cluster alone (annotation ollamamax.io/paused: "true").',
    reasons: {
      PausedByAnnotation: {
        meaning: 'Nothing is changed while the annotation is there.',
        action: 'Remove the annotation to go on.',
      },
      NotPaused: { meaning: 'The annotation is not there.' },
    },
  },
} as const satisfies Readonly<Record<string, ConditionText>>;

/** In the order in which they are written. */
export const modelConditions = {
  Ready: {
    meaning: 'At least one agent can serve the model, with the bytes it should have.',
    reasons: {
      Serving: { meaning: 'Agents can serve it.' },
      NotResolved: { meaning: 'It is not known what to serve.', action: 'See Resolved.' },
      WaitingForAgents: { meaning: 'No agent of the cluster is ready.', action: 'See the OllamaCluster.' },
      NotDownloaded: { meaning: 'No agent has all bytes yet.', action: 'See Downloaded.' },
      Failed: { meaning: 'No agent can serve it.', action: 'See Downloaded.' },
      Deleting: { meaning: 'The model is being deleted.' },
      Unknown: {
        meaning: 'The agents cannot be reached just now, so nobody knows.',
        action: 'See the OllamaCluster.',
      },
    },
  },
  Resolved: {
    meaning: 'It is known what to serve, and by whom.',
    reasons: {
      Accepted: { meaning: 'The agents have been told of the model.' },
      SourceNotSupportedYet: {
        meaning: 'This version cannot get models from such a source.',
        action: 'Use file, pvc or http.',
      },
      ClusterNotFound: {
        meaning: 'There is no OllamaCluster of that name in the namespace.',
        action: 'Create it, or correct spec.clusterRef.name in a new OllamaModel.',
      },
      ClusterDeleting: { meaning: 'The cluster is being deleted.' },
      NameTaken: {
        meaning: 'Another OllamaModel of the cluster has the same name for clients; the older one wins.',
        action: 'Delete one of them, or create one with another spec.model.',
      },
      InvalidName: {
        meaning: 'The name for clients is not a valid model name.',
        action: 'Create an OllamaModel with another spec.model.',
      },
      NoMatchingNode: {
        meaning: 'No agent runs on a node with the labels of spec.nodeSelector.',
        action:
          'Label nodes, or change the selector. An operator that watches some namespaces only may not read labels of nodes.',
      },
      WaitingForCluster: {
        meaning: 'No agent runs on a node with the labels of spec.nodeSelector, and some run on no node yet.',
        action: 'Wait; see the OllamaCluster.',
      },
    },
  },
  Downloaded: {
    meaning: 'Every agent that is to hold the model has all bytes, and they are the right ones.',
    reasons: {
      AllVerified: { meaning: 'All bytes are there and verified.' },
      Downloading: {
        meaning: 'Bytes are on their way.',
        action: 'Wait; status.progressPercent tells how far.',
      },
      Verifying: { meaning: 'The digest is being computed.', action: 'Wait.' },
      Waiting: { meaning: 'Agents have not begun yet.' },
      DownloadFailed: {
        meaning: 'The source cannot be read.',
        action: 'The message has the cause: a name, a status, a time-out. Agents try again by themselves.',
      },
      FileNotFound: {
        meaning: 'The file is not there.',
        action: 'Check spec.source: the path is looked up inside the pods.',
      },
      DigestMismatch: {
        meaning: 'The file has other bytes than spec.sha256 promises. It is not served.',
        action: 'Correct spec.sha256, or find out who changed the file.',
      },
      FileInvalid: {
        meaning: 'The file is not a GGUF model that can be loaded.',
        action: 'The message says what is wrong with it.',
      },
      StorageFull: {
        meaning: 'The volume of an agent has no room for it.',
        action: 'Raise spec.storage.size of the OllamaCluster, or delete models.',
      },
      Unknown: { meaning: 'The agents cannot be reached just now, so nobody knows.' },
    },
  },
  Replicated: {
    meaning: 'As many agents as asked for can serve the model.',
    reasons: {
      EnoughReplicas: { meaning: 'As many as asked for, or all agents there are.' },
      TooFewReplicas: { meaning: 'Fewer than asked for.', action: 'Wait; see Downloaded if it takes long.' },
      Unknown: { meaning: 'The agents cannot be reached just now, so nobody knows.' },
    },
  },
} as const satisfies Readonly<Record<string, ConditionText>>;

export type ClusterConditionType = keyof typeof clusterConditions;
export type ModelConditionType = keyof typeof modelConditions;
export type ClusterReason<T extends ClusterConditionType> = keyof (typeof clusterConditions)[T]['reasons'] &
  string;
export type ModelReason<T extends ModelConditionType> = keyof (typeof modelConditions)[T]['reasons'] & string;

/** Reasons of the Events that the operator records, and what they tell. */
export const eventReasons = {
  Created: 'An object of the cluster was made.',
  DriftReverted: 'Somebody changed an object of the cluster; it was set back.',
  Pruned: 'An object that is no longer needed was deleted.',
  ScalingUp: 'Agents are being added.',
  ScalingDown: 'Agents are being removed.',
  RollingOut: 'Agents are being restarted; the message says why.',
  RolledOut: 'All agents run the new template.',
  Available: 'The cluster serves.',
  GroupBegan: 'The agents have begun to agree on what the cluster serves.',
  GroupLost: 'All agents have lost their volumes; they begin anew.',
  GroupAdopted: 'The agents belong to another group than was known, as after "ollamamax raft recover".',
  Degraded: 'Something needs attention; the message says what.',
  Recovered: 'What needed attention does not any more.',
  ModelReady: 'Agents can serve the model.',
  ModelFailed: 'No agent can serve the model; the message says why.',
  NameConflict: 'An object that is needed belongs to somebody else.',
  Paused: 'The operator leaves the object alone from now on.',
} as const;
export type EventReason = keyof typeof eventReasons;
