// @ts-nocheck: small enough to do without types.
// Shifts all that a program can learn of the time of day by `ms`; how fast time goes by stays. Loaded with NODE_OPTIONS='--import=file:///…?ms=3600000'.
// Times that the kernel puts on files are as they were.
const ms = Number(new URL(import.meta.url).searchParams.get('ms'));
const RealDate = globalThis.Date;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + ms] : args));
  }

  static now() {
    return RealDate.now() + ms;
  }
};
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + ms });
