/**
 * Waits for a promise so many milliseconds; `undefined` when it takes longer. What was asked for goes on, and how it ends then is for whoever
 * kept the promise; a late failure disturbs nobody.
 */
export async function withPatience<T>(asked: Promise<T>, patienceMs: number): Promise<T | undefined> {
  let late: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => {
    late = setTimeout(resolve, patienceMs, undefined);
  });
  asked.catch(() => {});
  try {
    return await Promise.race([asked, patience]);
  } finally {
    clearTimeout(late);
  }
}
