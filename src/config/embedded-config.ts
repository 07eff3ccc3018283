/**
 * What applies when there is no file: everything below `.scap` in the working directory, three local targets, one group.
 * In the form of a file's data, relative to the working directory.
 */
export const embeddedConfig: unknown = {
  state: '.scap',
  hosts: Object.fromEntries(
    ['web1', 'web2', 'web3'].map((name) => [
      name,
      { cache: `.scap/targets/${name}/cache`, live: `.scap/targets/${name}/live` },
    ]),
  ),
};
