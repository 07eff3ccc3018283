/** Returns a function that tells on stderr how the run gets on, with the seconds since now. */
export function createProgress(): (text: string) => void {
  const startedAt = performance.now();
  return (text) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
    process.stderr.write(`bench: ${seconds} s  ${text}\n`);
  };
}
