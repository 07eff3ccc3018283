// First statement of dist/scap.mjs. It imports nothing statically, so that an old Node gets as far as the sentence
// below instead of failing on syntax or exports it does not know.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  process.stderr.write(
    `scap: Cannot run on Node.js ${process.versions.node}: 20.12 or newer is needed\n` +
      '  hint: install a newer Node.js and put it first in PATH\n',
  );
  process.exitCode = 3;
} else {
  await import('../../src/cli/main.ts');
}
