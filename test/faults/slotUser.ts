/**
 * A process that makes CALLS calls, ATONCE of them at a time, in slots that it shares with others. Appends a line to LOG
 * for each moment: `asked`, `started` and `ended` of a call, and `queued` once others know that the process waits.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ConcurrencyLimit } from '../../src/gateways/aiProcessing/concurrencyLimit.ts';
import { MachineSlots } from '../../src/gateways/aiProcessing/machineSlots.ts';
import type { Priority } from '../../src/gateways/modelCalls.ts';

const { SLOTS, FOLDER, LOG, CALLS, ATONCE, PRIORITY } = process.env as Record<string, string>;
const slots = new MachineSlots(FOLDER ?? '', Number(SLOTS));
const limit = new ConcurrencyLimit(Number(SLOTS), slots, () => performance.timeOrigin + performance.now());

function say(moment: string, call = 0): void {
  appendFileSync(LOG ?? '', `${moment} ${process.pid} ${call}\n`);
}

const tryTake = slots.tryTake.bind(slots);
slots.tryTake = (turn) => {
  const taken = tryTake(turn);
  if (!taken) say('queued');
  return taken;
};

let made = 0;

async function work(): Promise<void> {
  while (made < Number(CALLS)) {
    const call = (made += 1);
    say('asked', call);
    const leave = await limit.enter('model', PRIORITY as Priority, new AbortController().signal);
    say('started', call);
    await delay(2);
    say('ended', call);
    leave('served');
  }
}

await Promise.all(Array.from({ length: Number(ATONCE) }, work));
slots.dispose();
