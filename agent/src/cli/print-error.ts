import { CliError, exitCodes, type CliErrorFacts, type ExitCode } from './cli-error.ts';

const catalogueExit: Readonly<Record<string, ExitCode>> = {
  unauthenticated: exitCodes.notPermitted,
  token_expired: exitCodes.notPermitted,
  forbidden: exitCodes.notPermitted,
  model_not_found: exitCodes.notFound,
  node_not_found: exitCodes.notFound,
  stale_revision: exitCodes.conflict,
  already_member: exitCodes.conflict,
  not_a_member: exitCodes.conflict,
  other_cluster: exitCodes.conflict,
  member_replaced: exitCodes.conflict,
  unsafe_change: exitCodes.conflict,
  no_leader: exitCodes.unhealthy,
  member_disk: exitCodes.unhealthy,
  member_failed: exitCodes.unhealthy,
  state_corrupt: exitCodes.unhealthy,
  deadline_exceeded: exitCodes.timedOut,
  outcome_unknown: exitCodes.timedOut,
  agent_unreachable: exitCodes.unreachable,
};

const factsOf = async (error: unknown): Promise<CliErrorFacts> => {
  if (error instanceof CliError) return error.facts;
  const { errorCatalogue, isApiError } = await import('@ollamamax/api');
  if (isApiError(error))
    return {
      code: error.code,
      what: errorCatalogue[error.code].summary,
      why: error.message,
      action: error.action,
      exitCode: catalogueExit[error.code] ?? exitCodes.failure,
    };
  return {
    code: 'internal',
    what: 'Something went wrong inside ollamamax; this is a defect.',
    // Nothing but the stack tells where; only unexpected errors show one.
    why: error instanceof Error ? (error.stack ?? error.message) : String(error),
    action: 'Report it with the lines above.',
    exitCode: exitCodes.failure,
  };
};

/** What, why, what to do, code: the one form in which the program reports an error. */
const formatError = (facts: CliErrorFacts): string => {
  const indented = facts.why.replaceAll('\n', '\n          ');
  return [
    `Error: ${facts.what}`,
    ...(facts.why === facts.what ? [] : [`  Why:    ${indented}`]),
    `  To do:  ${facts.action}`,
    `  Code:   ${facts.code}`,
    '',
  ].join('\n');
};

/** Writes an error for people. @returns the exit code that belongs to it */
export const reportError = async (
  error: unknown,
  stderr: { write(text: string): unknown },
): Promise<ExitCode> => {
  const facts = await factsOf(error);
  stderr.write(formatError(facts));
  return facts.exitCode;
};
