import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Llama, LlamaOptions } from 'node-llama-cpp';
import { missingMethods } from './native-addon.ts';
import type { NativeAddon, NativeClass, NativeContextOptions, NativeModelOptions } from './native-addon.ts';

/** Our own build of the native addon, made by `scripts/build-addon.mjs`. It computes on the CPU only. */
export interface NativeBuild {
  readonly addonPath: string;
  /** Folder of the prebuilt package, whose libraries it uses. */
  readonly librariesPath: string;
  /** Version of node-llama-cpp. */
  readonly version: string;
  readonly llamaCpp: string;
  readonly patches: readonly string[];
  readonly compiler: string;
}

export interface NativeLlamaOptions extends Pick<LlamaOptions, 'maxThreads' | 'logLevel' | 'logger'> {
  /** Given to every context that is made, besides what node-llama-cpp itself sets. */
  readonly contextOptions?: NativeContextOptions;
  /** Given to every model that is loaded. */
  readonly modelOptions?: NativeModelOptions;
}

interface Manifest {
  readonly nodeLlamaCpp: string;
  readonly llamaCpp: string;
  readonly patches: Readonly<Record<string, string>>;
  readonly compiler: string;
  readonly addon: string;
  readonly sha256: string;
  readonly libraries: string;
}

/** What is taken from inside of node-llama-cpp; its version is pinned, and every build names the version it is for. */
interface LlamaModule {
  readonly Llama: { _create(options: Readonly<Record<string, unknown>>): Promise<Llama> };
}
interface DefaultsModule {
  readonly defaultLlamaVramPadding: unknown;
  readonly defaultLlamaRamPadding: unknown;
}

const builds = fileURLToPath(new URL('../../../native/build/', import.meta.url));
const defaultFolder = join(builds, `${process.platform}-${process.arch}`);

/** The folder of the installed node-llama-cpp. */
const packageUrl = (): URL => new URL('../', import.meta.resolve('node-llama-cpp'));

const installedVersion = (): string => {
  const text = readFileSync(new URL('package.json', packageUrl()), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};

/**
 * Looks for a build that fits the installed node-llama-cpp.
 * @param log told why there is none
 */
export const findNativeBuild = (
  log: (reason: string) => void,
  folder: string = defaultFolder,
): NativeBuild | undefined => {
  const manifestPath = join(folder, 'manifest.json');
  if (!existsSync(manifestPath)) {
    log('there is no own build of the native addon: `node scripts/build-addon.mjs` makes one');
    return undefined;
  }
  try {
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest;
    const installed = installedVersion();
    const addonPath = join(folder, manifest.addon);
    const librariesPath = resolve(folder, manifest.libraries);
    const fault =
      manifest.nodeLlamaCpp !== installed
        ? `it is for node-llama-cpp ${manifest.nodeLlamaCpp} and ${installed} is installed`
        : !existsSync(librariesPath)
          ? `there are no libraries in ${librariesPath}`
          : createHash('sha256').update(readFileSync(addonPath)).digest('hex') !== manifest.sha256
            ? `${addonPath} is not the file that the manifest describes`
            : undefined;
    if (fault !== undefined) {
      log(`our own build of the native addon is not used: ${fault}; make it anew`);
      return undefined;
    }
    return {
      addonPath,
      librariesPath,
      version: manifest.nodeLlamaCpp,
      llamaCpp: manifest.llamaCpp,
      patches: Object.keys(manifest.patches),
      compiler: manifest.compiler,
    };
  } catch (error) {
    log(`our own build of the native addon is not used: ${String(error)}; make it anew`);
    return undefined;
  }
};

/**
 * What `getLlama` of node-llama-cpp does once it has chosen a binary, with our own one. Its kernels and their choice by
 * the processor stay those of the prebuilt package.
 * @throws Error where the addon cannot be loaded or lacks a patch: use `getLlama` then
 */
export const openNativeLlama = async (build: NativeBuild, options: NativeLlamaOptions): Promise<Llama> => {
  const addon = createRequire(import.meta.url)(build.addonPath) as NativeAddon;
  const missing = missingMethods(addon);
  if (missing.length > 0) throw new Error(`the native addon has no ${missing.join(', ')}`);
  const inside = (path: string): Promise<unknown> => import(new URL(path, packageUrl()).href);
  const { Llama } = (await inside('dist/bindings/Llama.js')) as LlamaModule;
  const defaults = (await inside('dist/bindings/getLlama.js')) as DefaultsModule;
  const { contextOptions, modelOptions, ...rest } = options;
  return Llama._create({
    bindings: Object.create(addon, {
      AddonContext: { value: withOptions(addon.AddonContext, contextOptions) },
      AddonModel: { value: withOptions(addon.AddonModel, modelOptions) },
    }) as unknown,
    // The folder of this file is where kernels are looked for.
    bindingPath: join(build.librariesPath, 'llama-addon.node'),
    buildType: 'localBuild',
    buildMetadata: {
      buildOptions: {
        customCmakeOptions: {},
        gpu: false,
        llamaCpp: { repo: 'ggml-org/llama.cpp', release: build.llamaCpp },
      },
    },
    vramPadding: defaults.defaultLlamaVramPadding,
    ramPadding: defaults.defaultLlamaRamPadding,
    debug: false,
    numa: false,
    tempDir: false,
    ...rest,
  });
};

/** The class, whose second argument gets these settings on top: node-llama-cpp passes on only those it knows. */
const withOptions = (original: NativeClass, added: object | undefined): NativeClass => {
  const base = original as new (subject: unknown, options: object | undefined) => object;
  return class extends base {
    constructor(subject: unknown, options?: object) {
      super(subject, { ...options, ...added });
    }
  };
};
