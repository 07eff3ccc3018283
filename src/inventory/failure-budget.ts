/** How many hosts of a group may fail: a count, or a share of the group (0 to 100). */
export type FailureBudget = { readonly hosts: number } | { readonly percent: number };

/**
 * How many hosts may fail, as a whole number, given the size of the group before anything failed. A share rounds down: a
 * budget is never exceeded, and 5 % of 7 hosts is none.
 */
export function resolveFailureBudget(budget: FailureBudget, groupSize: number): number {
  if ('hosts' in budget) return budget.hosts;
  // Percentages such as 8.2 have no exact binary form; a product just below a whole number is that number.
  return Math.floor((budget.percent * groupSize) / 100 + 1e-9);
}
