import { beforeAll } from 'vitest';

/** Longer than any file of tests takes. */
const longest = 3 * 60_000;

const day = 24 * 3_600_000;

/** Budgets begin anew at midnight (UTC); what a test spends before and reads after would belong to two days. */
beforeAll(async () => {
  const left = day - (Date.now() % day);
  if (left > longest) return;
  console.log(`Waiting ${Math.ceil(left / 1000)} s for midnight (UTC), when the budgets begin anew.`);
  await new Promise((resolve) => setTimeout(resolve, left));
}, 2 * longest);
