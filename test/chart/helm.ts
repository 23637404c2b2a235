import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatYaml, parseConfigFile } from '@ollamamax/common';
import { root } from '../../scripts/bootstrap.mjs';
import { helmCommand } from '../../scripts/helm.mjs';

export const chart = join(root, 'helm', 'ollamamax');

/** An object of Kubernetes as far as the tests look into any of them. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface RenderOptions {
  readonly release?: string;
  readonly namespace?: string;
  readonly values?: Readonly<Record<string, unknown>>;
  /** Kinds that the cluster knows besides Kubernetes' own, `group/version/Kind`. */
  readonly apiVersions?: readonly string[];
}

/** Runs Helm. @throws with all it said when it ends badly */
export async function helm(args: readonly string[]): Promise<string> {
  const found = await helmCommand();
  if ('missing' in found) throw new Error(found.missing);
  const program = found.env.OLLAMAMAX_HELM ?? 'helm';
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { maxBuffer: 64 << 20, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${stdout}${stderr}`));
    });
  });
}

/** What the chart makes, as text. */
export async function renderText(options: RenderOptions = {}, more: readonly string[] = []): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ollamamax-chart-'));
  try {
    const values = join(folder, 'values.yaml');
    writeFileSync(values, formatYaml(options.values ?? {}));
    return await helm([
      'template',
      options.release ?? 'ollamamax',
      chart,
      `--namespace=${options.namespace ?? 'ollamamax-system'}`,
      `--values=${values}`,
      '--kube-version=1.34.0',
      ...(options.apiVersions ?? []).map((version) => `--api-versions=${version}`),
      ...more,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the chart makes. */
export async function render(options: RenderOptions = {}): Promise<Rendered[]> {
  return parseObjects(await renderText(options));
}

/** The objects of a text with several documents. @throws when one of them is no YAML */
export function parseObjects(text: string): Rendered[] {
  return text
    .split(/^---$/m)
    .filter((document) => /^[^#\s]/m.test(document))
    .map((document) => {
      const { value, problems } = parseConfigFile(document, {});
      if (problems.length > 0) throw new Error(`${problems[0]?.message ?? ''}:\n${document}`);
      return value as unknown as Rendered;
    });
}

/** The only object of a kind, of that name where there are several. */
export function only(objects: readonly Rendered[], kind: string, name?: string): Rendered {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} objects of kind ${kind}`);
  return object;
}

export function readChartFile(path: string): string {
  return readFileSync(join(chart, path), 'utf8');
}
