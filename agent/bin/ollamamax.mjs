#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
import process from 'node:process';

const needed = 24;
const [major = '0'] = process.versions.node.split('.');
if (Number(major) < needed) {
  process.stderr.write(
    [
      'Error: This version of Node.js is too old.',
      `  Why:    ollamamax needs Node ${needed} or newer; this is ${process.version}.`,
      '  To do:  Run "npm start" in the source tree, which brings its own Node, or install a newer Node.',
      '  Code:   node_too_old',
      '',
    ].join('\n'),
  );
  process.exitCode = 1;
} else {
  await import('../src/cli/main.ts');
}
