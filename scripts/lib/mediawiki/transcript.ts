const shownProblems = 20;

/** What a check found; no problems means it passed. */
export interface Verdict {
  readonly problems: readonly string[];
  /** What was looked at, in counts. */
  readonly detail: string;
}

/** Prints what is done and how every comparison came out, and counts them. */
export class Transcript {
  #passed = 0;
  #failed = 0;

  /** Begins a part. */
  title(text: string): void {
    process.stdout.write(`\n== ${text}\n`);
  }

  say(text: string): void {
    process.stdout.write(`      ${text.trimEnd().replaceAll('\n', '\n      ')}\n`);
  }

  /** Runs a check and prints PASS or FAIL with the time it took. Problems past twenty are only counted. */
  async check(name: string, look: () => Verdict | Promise<Verdict>): Promise<void> {
    const before = performance.now();
    const { problems, detail } = await look();
    const seconds = ((performance.now() - before) / 1000).toFixed(1);
    const passed = problems.length === 0;
    if (passed) this.#passed++;
    else this.#failed++;
    process.stdout.write(`${passed ? 'PASS' : 'FAIL'}  ${name}: ${detail} (${seconds} s)\n`);
    for (const problem of problems.slice(0, shownProblems)) process.stdout.write(`        ${problem}\n`);
    const more = problems.length - shownProblems;
    if (more > 0) process.stdout.write(`        … and ${more} more\n`);
  }

  /** Prints the totals; returns whether nothing failed. */
  finish(): boolean {
    process.stdout.write(`\nreal-mediawiki: ${this.#passed} passed, ${this.#failed} failed\n`);
    return this.#failed === 0;
  }
}
