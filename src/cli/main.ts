import packageJson from '../../package.json' with { type: 'json' };

process.stdout.write(`scap ${packageJson.version}\n`);
