import { parentPort } from 'node:worker_threads';
import { findingsIn } from './detect.ts';
import type { DetectionRequest, DetectionResponse } from './detector.ts';

const post = (response: DetectionResponse): void => parentPort?.postMessage(response);

parentPort?.on('message', ({ texts, patterns }: DetectionRequest) =>
  post(texts.map((text) => findingsIn(text, patterns))),
);
// The first search compiles the expressions: that belongs to the start.
findingsIn({ text: '' }, []);
post('ready');
