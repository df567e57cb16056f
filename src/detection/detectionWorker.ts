import { parentPort, workerData } from 'node:worker_threads';
import { findingsIn } from './detect.ts';
import type { DetectionRequest, DetectionResponse } from './detector.ts';
import type { CustomPattern } from './finding.ts';

const patterns = workerData as readonly CustomPattern[];
const post = (response: DetectionResponse): void => parentPort?.postMessage(response);

parentPort?.on('message', (texts: DetectionRequest) => post(texts.map((text) => findingsIn(text, patterns))));
// The first search compiles the expressions: that belongs to the start.
findingsIn({ text: '' }, patterns);
post('ready');
