import { programName, type CliContext } from '../context.ts';
import type { AgentPorts } from './port-plan.ts';

export interface WelcomeFacts {
  readonly ports: readonly AgentPorts[];
  readonly model: string;
  readonly dataDir: string;
  readonly auth?: {
    /** Shown once, when it was made. */
    readonly password: string | undefined;
    readonly usersFile: string;
  };
}

/** Where the cluster answers and what to try first. */
const welcomeText = (facts: WelcomeFacts, program: string): string => {
  const [first] = facts.ports;
  if (first === undefined) throw new RangeError('a cluster has at least one agent');
  const api = `http://127.0.0.1:${first.api}`;
  const rows = [
    ['', 'API', 'dashboard', 'metrics'],
    ...facts.ports.map((ports, index) => [
      `agent-${index}`,
      `http://127.0.0.1:${ports.api}`,
      `http://127.0.0.1:${ports.dashboard}`,
      `http://127.0.0.1:${ports.metrics}/metrics`,
    ]),
  ];
  const widths = rows[0]?.map((_head, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join('   ')}`.trimEnd(),
  );
  const body = `{"model":"${facts.model}","messages":[{"role":"user","content":"Hello!"}]}`;
  const token = `$(curl -s ${api}/api/v1/auth/login -H 'content-type: application/json' -d '{"username":"admin","password":"'"$PASSWORD"'"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`;
  const tryIt =
    facts.auth === undefined
      ? [
          `  curl ${api}/api/chat -d '${body}'`,
          `  OLLAMA_HOST=127.0.0.1:${first.api} ollama run ${facts.model}`,
        ]
      : [
          `  PASSWORD=${facts.auth.password ?? "'your password'"}; TOKEN=${token}`,
          `  curl ${api}/api/chat -H "authorization: Bearer $TOKEN" -d '${body}'`,
        ];
  const login =
    facts.auth === undefined
      ? []
      : [
          '',
          facts.auth.password === undefined
            ? `Log in with the password you have. Forgotten? ${program} user set admin --generate --users-file ${facts.auth.usersFile}`
            : `Log in as admin with the password ${facts.auth.password} (shown only this once)`,
        ];
  return [
    '',
    `OllamaMax is up: ${facts.ports.length} ${facts.ports.length === 1 ? 'agent' : 'agents'}, model ${facts.model}`,
    '',
    ...table,
    ...login,
    '',
    'Try:',
    ...tryIt,
    '',
    `Data and logs: ${facts.dataDir}`,
    'Ctrl-C stops all.',
    '',
  ].join('\n');
};

/** Prints it on standard output: it is what the command was run for. */
export const welcome = (context: CliContext, facts: WelcomeFacts): void => {
  context.stdout.write(welcomeText(facts, programName(context.env)));
};
