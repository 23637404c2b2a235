/** Something that must hold in every run does not: the simulation has found a bug. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** Short and stable, such as `election safety`. */
  readonly rule: string;

  constructor(rule: string, what: string, options?: ErrorOptions) {
    super(`${rule}: ${what}`, options);
    this.rule = rule;
  }
}
