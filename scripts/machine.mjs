/** What this machine has that only some suites need. Each answer is a tool, or a sentence that says what is missing. */
import { spawnSync } from 'node:child_process';
import { startDocker } from './docker.mjs';
import { helmCommand } from './helm.mjs';
import { controlPlaneTool, kubernetesTool } from './kubernetes-programs.mjs';
import { llamaServer } from './llama-server.mjs';
import { buildNativeAddon } from './native-addon.mjs';
import { ollamaCommand } from './ollama-cli.mjs';
import { findProgram } from './program.mjs';
import { pythonClients, schemathesisTool } from './python-clients.mjs';

/**
 * @typedef {{ env: Record<string, string>, stop?: () => Promise<void> }} Tool what a suite is given to find it
 * @typedef {{ missing: string }} Missing
 * @typedef {'chromium' | 'go' | 'python' | 'schemathesis' | 'ollama' | 'docker' | 'helm' | 'controlPlane' | 'kubernetes' | 'nativeAddon' | 'llamaServer'} ToolName
 */

/** @type {Promise<Tool | Missing> | undefined} */
let daemon;
/** One daemon for all suites of a run: a second one could not use the same images. */
const docker = () => (daemon ??= startDocker());

/** Nodes, and a daemon that builds the images for them. */
const nodesAndImages = async () => {
  const [nodes, images] = [await kubernetesTool(), await docker()];
  if ('missing' in nodes) return nodes;
  if ('missing' in images) return images;
  return {
    env: { ...nodes.env, ...images.env },
    stop: async () => {
      await nodes.stop?.();
      await images.stop?.();
    },
  };
};

/** @type {Record<ToolName, () => Promise<Tool | Missing>>} */
export const tools = {
  chromium: async () => findChromium(),
  go: async () => findGo(),
  python: pythonClients,
  schemathesis: schemathesisTool,
  ollama: ollamaCommand,
  docker,
  helm: helmCommand,
  controlPlane: controlPlaneTool,
  kubernetes: nodesAndImages,
  llamaServer: async () => llamaServer(),
  nativeAddon: async () => {
    const result = await buildNativeAddon();
    return 'missing' in result ? { missing: result.missing } : { env: {} };
  },
};

/** @returns {Tool | Missing} */
function findGo() {
  const path = findProgram('go');
  return path === undefined ? { missing: 'no Go: install Go 1.25 or later' } : { env: {} };
}

/** @returns {Tool | Missing} */
function findChromium() {
  const path = process.env.OLLAMAMAX_CHROMIUM ?? findProgram('chromium', 'chromium-browser', 'google-chrome');
  if (path === undefined) {
    return { missing: 'no Chromium: install chromium, or set OLLAMAMAX_CHROMIUM to the path of one' };
  }
  const { status } = spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 30_000 });
  if (status !== 0) return { missing: `${path} --version fails` };
  return { env: { OLLAMAMAX_CHROMIUM: path } };
}
