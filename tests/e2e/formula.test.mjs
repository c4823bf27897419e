// SPDX-License-Identifier: Apache-2.0
// baileectl formula: a formula is tried against a document; what comes out, and how it fails.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TOP } from './harness.mjs';

const build = process.env.BAILEE_BUILD ?? join(TOP, 'build-check');

const folder = mkdtempSync(join(tmpdir(), 'bailee-formula-'));
after(() => rmSync(folder, { recursive: true }));

function file(name, content) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const document = file('document.json', JSON.stringify({ body: { token: 't0k', n: 7 }, secret: 'hunter2' }));

function run(args, input = '') {
  return new Promise((resolve) => {
    const child = spawn(join(build, 'baileectl'), ['formula', ...args]);
    const out = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('latin1').on('data', (piece) => { out[stream] += piece; });
    child.on('close', (code) => resolve({ code, ...out }));
    child.stdin.end(input);
  });
}

test('prints the value as JSON, with the members of the document as roots', async () => {
  for (const [formula, value] of [['UPCASE(body.token)', '"T0K"'], ['body.n + 1', '8'], ['[body.missing]', '[null]']]) {
    assert.deepEqual(await run(['eval', formula, '--json', document]), { code: 0, stdout: `${value}\n`, stderr: '' });
  }
  assert.equal((await run(['eval', '1 + 1'])).stdout, '2\n');
});

test('takes formula and document from files and standard input', async () => {
  const formula = file('formula', 'body.n * 6\n');
  assert.equal((await run(['eval', '--file', formula, '--json', document])).stdout, '42\n');
  assert.equal((await run(['eval', '--file', '-'], "UPCASE('a')\n")).stdout, '"A"\n');
  assert.equal((await run(['eval', 'a', '--json', '-'], '{"a": [1]}')).stdout, '[1]\n');
});

test('prints text as it is, bytes too, with --text', async () => {
  assert.equal((await run(['eval', '--text', 'Bearer <<body.token>>!', '--json', document])).stdout, 'Bearer t0k!');
  assert.equal((await run(['eval', '--text', "=URL_DECODE('%ff%00')"])).stdout, '\xff\x00');
});

test('says where a formula is wrong and exits 1, without what is in the document', async () => {
  for (const [args, words] of [[['1 +'], 'column 4: expected a value'], [['NOPE()'], 'column 1: there is no function NOPE'],
    [['secret + 1', '--json', document], "column 8: '+' needs two numbers, not text and a number"],
    [['1', '--json', file('list.json', '[]')], 'must hold a JSON object'], [['1', '--json', join(folder, 'none')], 'No such file'],
    [['1', '--json', file('broken.json', '{"a":')], 'not valid JSON'], [['--file', file('nul', '1\0')], 'holds a NUL'],
    [['--file', file('large', ' '.repeat(70000))], 'is larger than']]) {
    const { code, stdout, stderr } = await run(['eval', ...args]);
    assert.equal(code, 1, args.join(' '));
    assert.equal(stdout, '');
    assert.ok(stderr.includes(words), stderr);
    assert.ok(!stderr.includes('hunter2'));
  }
});

test('exits 2 on wrong usage', async () => {
  for (const args of [['eval'], ['eval', '1', '--file', '-'], ['eval', '1', '--json'], ['eval', '1', '2'], ['dance']]) {
    assert.equal((await run(args)).code, 2, args.join(' '));
  }
});

test('lists every function', async () => {
  const { code, stdout } = await run(['manual']);
  assert.equal(code, 0);
  for (const name of ['DEFAULT', 'XML_PARSE', 'JWT_SIGN', 'RANDOM_HEX']) assert.ok(stdout.includes(`\`${name}(`), name);
});
