/** Builds the native addon, see agent/native/README.md. A machine that cannot is not an error. */
import { buildNativeAddon } from './native-addon.mjs';
import { endWith } from './step.mjs';

const result = await buildNativeAddon().catch(endWith);
if ('missing' in result) {
  process.stdout.write(`The prebuilt package is used: ${result.missing}.\n`);
} else {
  process.stdout.write(`The native addon is ${result.fresh ? 'built' : 'up to date'} in ${result.folder}\n`);
}
