/** An expected failure: one sentence and a hint. */
export class FleetError extends Error {
  /**
   * @param {string} message
   * @param {string} hint
   * @param {1 | 2} [status] exit status of the script; 2 for a mistake in how it was called
   */
  constructor(message, hint, status = 1) {
    super(message);
    this.name = 'FleetError';
    this.hint = hint;
    this.status = status;
  }
}
