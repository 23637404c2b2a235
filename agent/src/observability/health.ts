/** Outcome of one check; `warn` does not take the agent out of service. */
export interface CheckResult {
  readonly status: 'pass' | 'warn' | 'fail';
  /** What was observed and, if not well, what to do. */
  readonly output?: string;
}

export interface HealthReport extends CheckResult {
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** Named checks of this agent. Each answers from what is known already: it never waits. */
export class Health {
  readonly #checks: Readonly<Record<string, () => CheckResult>>;
  readonly #readiness: ReadonlySet<string>;
  readonly #started: () => CheckResult;

  /**
   * @param readiness names of the checks that decide whether the agent is given requests
   * @param started whether the agent has come up; once it has, this stays so
   */
  constructor(
    checks: Readonly<Record<string, () => CheckResult>>,
    readiness: readonly string[],
    started: () => CheckResult,
  ) {
    this.#checks = checks;
    this.#readiness = new Set(readiness);
    this.#started = started;
  }

  report(): HealthReport {
    return this.#run(Object.keys(this.#checks));
  }

  /** Only what decides readiness; the liveness of an agent never depends on it. */
  readiness(): HealthReport {
    return this.#run([...this.#readiness]);
  }

  /** Whether the start is over, whatever came after it. */
  startup(): HealthReport {
    const started = this.#started();
    return { status: started.status, checks: { started } };
  }

  #run(names: readonly string[]): HealthReport {
    const checks = Object.fromEntries(names.map((name) => [name, this.#one(name)]));
    const all = Object.values(checks).map((check) => check.status);
    const status = all.includes('fail') ? 'fail' : all.includes('warn') ? 'warn' : 'pass';
    return { status, checks };
  }

  #one(name: string): CheckResult {
    try {
      return this.#checks[name]?.() ?? { status: 'fail', output: 'no such check' };
    } catch (error) {
      return { status: 'fail', output: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Plain text as the Kubernetes API server writes it: one line per check, then the verdict. */
export const probeText = (name: string, report: HealthReport, verbose: boolean): string => {
  const verdict = report.status === 'fail' ? `${name} check failed` : `${name} check passed`;
  if (!verbose && report.status !== 'fail') return 'ok\n';
  const lines = Object.entries(report.checks).map(
    ([check, result]) =>
      `[${result.status === 'fail' ? '-' : result.status === 'warn' ? '!' : '+'}]${check}${
        result.output === undefined ? ' ok' : ` ${result.output}`
      }`,
  );
  return `${[...lines, verdict].join('\n')}\n`;
};
