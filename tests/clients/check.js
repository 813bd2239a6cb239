// What the node programs share: comparison of a reply with what it must be, and the end of a program.
'use strict';
const assert = require('node:assert');

exports.check = (name, got, want) => {
  assert.deepStrictEqual(JSON.parse(JSON.stringify(got)), want, name);
};

exports.run = (main) => main().then(() => process.exit(0), (e) => {
  console.error('FAIL', e);
  process.exit(1);
});

exports.pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Calls condition until it is true; the driver's own bound ends a program that waits in vain.
exports.until = async (condition) => {
  while (!(await condition())) await exports.pause(5);
};

exports.range = (n) => Array.from({ length: n }, (_, i) => i);
