import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** A write of the operator that is no renewal of its lease. */
export interface OperatorWrite {
  readonly verb: string;
  /** As in a path: `ollamaclusters/status`. */
  readonly resource: string;
  readonly name: string;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
}

const newline = 10;

/**
 * Follows the audit log as it grows: reading all of it again and again would take the processor away from what is
 * measured. Every write is in it before its answer is sent.
 */
export class OperatorWrites {
  readonly #path: string;
  readonly #user: string;
  readonly #writes: OperatorWrite[] = [];
  readonly #buffer = Buffer.alloc(1 << 20);
  #file: number;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string, user: string) {
    this.#path = path;
    this.#user = user;
    this.#file = openSync(path, 'r');
  }

  /** All so far, oldest first. */
  read(): readonly OperatorWrite[] {
    this.#readToEnd();
    // The API server gives a log that has become long another name and begins a new one.
    if (statSync(this.#path).ino !== fstatSync(this.#file).ino) {
      this.#readToEnd();
      closeSync(this.#file);
      this.#file = openSync(this.#path, 'r');
      this.#offset = 0;
      this.#readToEnd();
    }
    return this.#writes;
  }

  close(): void {
    closeSync(this.#file);
  }

  #readToEnd(): void {
    for (;;) {
      const size = readSync(this.#file, this.#buffer, 0, this.#buffer.length, this.#offset);
      if (size === 0) return;
      this.#offset += size;
      const text = Buffer.concat([this.#rest, this.#buffer.subarray(0, size)]);
      const end = text.lastIndexOf(newline) + 1;
      this.#rest = text.subarray(end);
      for (const line of text.subarray(0, end).toString('utf8').split('\n')) this.#take(line);
    }
  }

  #take(line: string): void {
    if (!line.includes(this.#user)) return;
    const { user, verb, objectRef = {} } = JSON.parse(line) as AuditEvent;
    const { resource = '', subresource, name = '' } = objectRef;
    if (user.username !== this.#user || resource === 'leases') return;
    this.#writes.push({
      verb,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      name,
    });
  }
}
