import { formatBytes, formatDuration, percentOf } from './format.ts';

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** Every text a person reads. One place, so that a translation is one more file. */
export const messages = {
  product: 'OllamaMax',
  nav: { overview: 'Overview', playground: 'Chat', main: 'Main', skip: 'Skip to content' },
  shell: {
    logOut: 'Log out',
    signedInAs: (name: string, role: string) => `Logged in as ${name} (${role})`,
    toDark: 'Switch to the dark theme',
    toLight: 'Switch to the light theme',
    zoneLocal: 'Local time',
    zoneUtc: 'UTC',
    toUtc: 'Local time is shown: switch to UTC',
    toLocal: 'UTC is shown: switch to local time',
    newVersion: 'This page is older than the agent it talks to.',
    reload: 'New version, reload',
    live: (agent: string) => `Live from ${agent}`,
    connecting: 'Connecting …',
    loading: 'Loading …',
    notFound: 'There is no page at this address.',
    notFoundAction: 'Go to the overview',
    crashed: 'This page has failed.',
    crashedAction: 'Reload',
  },
  stale: {
    sentence: (age: string, agent: string) => `Last data ${age} ago from ${agent}, reconnecting`,
    never: 'No data yet, still connecting. Check that the agent runs and that the network reaches it.',
    refused: 'This agent refuses pages of this address.',
    refusedAction:
      'Add the address to http.allowedOrigins in node.yaml, or open the page at the agent itself.',
    elsewhere: 'Another agent shows the same cluster:',
  },
  login: {
    title: 'Log in',
    intro: 'See the cluster and chat with its models.',
    user: 'User name',
    password: 'Password',
    submit: 'Log in',
    busy: 'Logging in …',
    expired: 'The session has ended. Log in again.',
  },
  errors: {
    unreachable: 'The agent does not answer.',
    unreachableAction: 'Check that it runs and that the network reaches it, then try again.',
    status: (status: number) => `The agent answered with status ${status}.`,
    retry: 'Try again',
  },
  health: {
    waiting: 'Waiting for the first data …',
    sentence: (
      agents: { readonly ready: number; readonly total: number },
      models: { readonly served: number; readonly full: number; readonly total: number },
    ): string => {
      if (agents.total === 0) return 'No agent has reported yet.';
      const first =
        agents.ready === agents.total
          ? agents.total === 1
            ? 'The agent is ready'
            : `All ${agents.total} agents are ready`
          : `${agents.ready} of ${plural(agents.total, 'agent is', 'agents are')} ready`;
      if (models.total === 0) return `${first}; there are no models yet.`;
      const missing = models.total - models.served;
      if (missing > 0)
        return `${first}; ${plural(missing, 'model has', 'models have')} no copy that can answer.`;
      const thin = models.total - models.full;
      if (thin > 0) return `${first}; ${plural(thin, 'model has', 'models have')} fewer copies than wanted.`;
      return models.total === 1
        ? `${first} and the model answers.`
        : `${first} and all ${models.total} models answer.`;
    },
  },
  attention: {
    title: 'Needs attention',
    more: (count: number) => `and ${count} more`,
    since: (age: string) => `for ${age}`,
    severity: { critical: 'Critical', warning: 'Warning', info: 'Note' },
    offline: (id: string, seen: boolean) => ({
      title: `${id} is offline`,
      cause: seen ? 'The other agents no longer hear from it.' : 'The other agents have never heard from it.',
      action: seen
        ? 'Start it again; the end of its log says why it stopped.'
        : 'Start it; check its address in cluster.peers and its certificate.',
    }),
    draining: (id: string) => ({
      title: `${id} is draining`,
      cause: 'It finishes its streams and takes no new work.',
      action: 'Nothing: it leaves when it is done.',
    }),
    starting: (id: string) => ({
      title: `${id} is starting`,
      cause: 'It is not ready for requests yet.',
      action: 'Wait a moment; look into its log if this lasts.',
    }),
    memory: (id: string, available: number, total: number) => ({
      title: `${id} is low on memory`,
      cause: `${formatBytes(available)} of ${formatBytes(total)} are available.`,
      action: 'Unload a model, or place fewer models on this agent.',
    }),
    queue: (id: string, queued: number) => ({
      title: `Requests wait on ${id}`,
      cause: `${queued} requests are in its queues.`,
      action: 'Add replicas of the busy model, or send less.',
    }),
    failed: (model: string, agent: string, reason: string | undefined, served: boolean) => ({
      title: `${model} failed on ${agent}`,
      cause: `${reason ?? 'The agent gave no reason.'}${served ? ' Other agents still serve it.' : ''}`,
      action: 'Correct its source in the configuration; the agent tries again by itself.',
    }),
    restarts: (model: string, agent: string, restarts: number) => ({
      title: `${model} keeps crashing on ${agent}`,
      cause: `Its runner was started anew ${plural(restarts, 'time', 'times')}.`,
      action: 'Lower its context size or slots; check the memory of the agent.',
    }),
    busy: (model: string, agents: number, done: number, size: number, verifying: boolean) => ({
      title: `${model} is being ${verifying ? 'verified' : 'downloaded'}`,
      cause:
        size > 0
          ? `${percentOf(done, size)} % of ${formatBytes(size)} on ${plural(agents, 'agent', 'agents')}.`
          : `On ${plural(agents, 'agent', 'agents')}; the size is not known yet.`,
      action: 'Wait; it goes on by itself, also after a restart.',
    }),
    replicas: (model: string, ready: number, desired: number) => ({
      title: `${model} has ${ready} of ${plural(desired, 'copy', 'copies')}`,
      cause: 'Not enough agents hold it.',
      action: 'Bring back missing agents, or ask for fewer replicas.',
    }),
  },
  metrics: {
    title: 'Activity',
    requestsPerSecond: 'Requests/s',
    tokensPerSecond: 'Tokens/s',
    inFlight: 'In flight',
    queued: 'Queued',
    describe: (label: string, now: string, max: string) =>
      `${label}: ${now} now, peak ${max} in the last two minutes`,
    window: 'last 2 min',
    table: 'Show as a table',
    figure: 'Figure',
    now: 'Now',
    mean: 'Mean',
    max: 'Peak',
  },
  updated: (age: string) => `updated ${age} ago`,
  agents: {
    title: 'Agents',
    empty: 'No agent has reported yet.',
    name: 'Agent',
    state: 'State',
    work: 'Work',
    memory: 'Memory free',
    models: 'Models in memory',
    uptime: 'Up',
    lastSeen: 'Last seen',
    version: 'Version',
    workValue: (inFlight: number, queued: number) => `${inFlight} in flight, ${queued} queued`,
    memoryValue: (available: number, total: number) => `${formatBytes(available)} of ${formatBytes(total)}`,
    none: '–',
    ago: (age: string) => `${age} ago`,
    open: (id: string) => `Open the dashboard of ${id}`,
    phase: { starting: 'Starting', ready: 'Ready', draining: 'Draining', offline: 'Offline' },
  },
  models: {
    title: 'Models',
    empty: 'There are no models yet.',
    emptyAction: 'Name one under models in node.yaml of the agents; it shows up here while it arrives.',
    name: 'Model',
    state: 'State',
    copies: 'Copies',
    where: 'On',
    size: 'Size',
    chat: (name: string) => `Chat with ${name}`,
    chatShort: 'Chat',
    copiesValue: (ready: number, desired: number) => `${ready} of ${desired}`,
    served: 'Ready',
    partly: 'Partly ready',
    notServed: 'Not ready',
    phase: {
      pending: 'waiting',
      downloading: 'downloading',
      verifying: 'verifying',
      ready: 'on disk',
      failed: 'failed',
    },
    resident: 'in memory',
    residentLoading: 'loading into memory',
    progress: (agent: string, percent: number) => `${agent}: ${percent} %`,
    context: (tokens: number) => `context ${tokens}`,
  },
  playground: {
    title: 'Chat',
    model: 'Model',
    noModels: 'No model is ready to answer yet. The overview shows what is on its way.',
    notReady: '(not ready)',
    settings: 'Settings',
    system: 'System prompt',
    systemPlaceholder: 'You are a helpful assistant.',
    temperature: 'Temperature',
    temperatureHint: '0 to 2; empty: the model’s own',
    maxTokens: 'Max. tokens',
    maxTokensHint: 'Empty: the model’s own',
    prompt: 'Message',
    promptPlaceholder: 'Ask something. Enter sends, Shift+Enter breaks the line.',
    send: 'Send',
    stop: 'Stop',
    clear: 'New chat',
    copyCurl: 'Copy as curl',
    copied: 'Copied',
    you: 'You',
    assistant: 'Answer',
    thinking: 'Waiting for the first token …',
    stopped: 'Stopped',
    failed: 'This answer failed.',
    emptyTitle: 'Nothing said yet',
    empty: 'Choose a model and write a message. The conversation stays while you look at other pages.',
    stats: (tokens: number, perSecond: number, seconds: string) =>
      `${plural(tokens, 'token', 'tokens')}, ${perSecond.toFixed(1)} tokens/s, ${seconds}`,
    servedBy: (agent: string) => `served by ${agent}`,
    broken: 'The connection broke before the answer was complete.',
    brokenAction: 'Send the message again; another agent will take it.',
    log: 'Conversation',
    duration: (ms: number) => {
      if (ms < 1000) return `${Math.ceil(ms)} ms`;
      return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
    },
  },
} as const;
