/** Runs the Bedrock stand-in as a process: prints its address as JSON and stops with its standard input. */
import { startBedrockStandIn } from './bedrockStandIn.ts';

const standIn = await startBedrockStandIn(Number(process.argv[2] ?? 0));
process.stdout.write(`${JSON.stringify({ url: standIn.url })}\n`);
process.on('SIGTERM', () => process.exit(0));
