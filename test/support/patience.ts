/** Milliseconds that a test waits for what takes a second on an idle machine: on a busy one it may take ten. */
export const patience = 60_000;
