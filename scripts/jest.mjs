/**
 * Runs Jest with what native ES modules need: `npm run jest -- PROJECT... [-- JEST OPTIONS]`.
 * Example: `npm run jest -- unit -- agent/src/http -t 'slow client'`.
 */
import { jestArguments } from './jest-arguments.mjs';
import { runOnOwnNode } from './own-node.mjs';

const argv = process.argv.slice(2);
const cut = argv.indexOf('--');
const projects = cut === -1 ? argv : argv.slice(0, cut);
const options = cut === -1 ? [] : argv.slice(cut + 1);

await runOnOwnNode(jestArguments(projects, options), { dashboard: projects.includes('browser') });
