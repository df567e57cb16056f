/** Runs OpenAI's stand-in as a process: prints its address as JSON. */
import { startOpenAiStandIn } from './openAi/openAiStandIn.ts';

const standIn = await startOpenAiStandIn();
process.stdout.write(`${JSON.stringify({ url: standIn.url })}\n`);
process.on('SIGTERM', () => process.exit(0));
