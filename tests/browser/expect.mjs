// Waiting for what has no event to await.

export async function expectEventually(what, holds, within = 15_000) {
  const until = Date.now() + within;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > until) throw new Error(`did not come about within ${within / 1000} s: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}
