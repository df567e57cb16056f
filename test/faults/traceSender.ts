/** A process that sends what waits in the spool of its home, until it is done or killed. */
import { compose } from '../../src/app/compose.ts';

const core = await compose({ environment: process.env });
const { receivers } = await core.tracking.tracker.sendNow(AbortSignal.timeout(120_000));
process.stdout.write(`${receivers[0]?.waiting} ${receivers[0]?.refused}\n`);
await core.dispose();
