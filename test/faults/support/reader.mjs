// @ts-nocheck
// reader.mjs realpath|plain LIVE REPORTS: reads through LIVE as fast as it can until REPORTS/stop exists, then writes REPORTS/<how>.
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';

const [, , how, live, reports] = process.argv;
const problems = [];
const seen = new Set();
let rounds = 0;
let changes = 0;
let last;
const piece = Buffer.alloc(16);

/** The first word of a file. */
function readWord(path) {
  const fd = openSync(path, 'r');
  const length = readSync(fd, piece, 0, piece.length, 0);
  closeSync(fd);
  return piece.toString('utf8', 0, length).split(/\s/)[0];
}

process.stdout.write('reading\n');
do {
  for (let i = 0; i < 200; i++) {
    rounds++;
    try {
      if (how === 'realpath') {
        // As PHP's opcode cache does: the link is resolved once per request, everything is read below what it led to.
        readlinkSync(live);
        const root = realpathSync(live);
        const words = [readWord(`${root}/first`), readWord(`${root}/deep/er/second`), readWord(`${root}/third`)];
        note(words[0]);
        if (new Set(words).size !== 1) problems.push(`a mix: ${words.join(', ')}`);
      } else {
        for (const name of ['first', 'deep/er/second', 'third']) note(readWord(`${live}/${name}`));
      }
    } catch (error) {
      problems.push(String(error));
    }
  }
} while (!existsSync(`${reports}/stop`) && problems.length < 10);

function note(word) {
  seen.add(word);
  if (word !== last) changes++;
  last = word;
}

writeFileSync(`${reports}/${how}.tmp`, JSON.stringify({ problems, seen: [...seen], rounds, changes }));
renameSync(`${reports}/${how}.tmp`, `${reports}/${how}`);
readFileSync(`${reports}/${how}`);
