// @ts-nocheck: small enough to do without types.
// Runs a program and flips one bit of its standard input. Called as: node flip-input.mjs PROGRAM ARG….
import { spawn } from 'node:child_process';

// Well inside of a bundle.
const at = 600_000;
const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'] });
let passed = 0;
process.stdin.on('data', (piece) => {
  if (at >= passed && at < passed + piece.length) piece[at - passed] ^= 1;
  passed += piece.length;
  if (!child.stdin.write(piece)) {
    process.stdin.pause();
    child.stdin.once('drain', () => process.stdin.resume());
  }
});
process.stdin.on('end', () => child.stdin.end());
child.stdin.on('error', () => {});
child.on('exit', (status) => process.exit(status ?? 1));
