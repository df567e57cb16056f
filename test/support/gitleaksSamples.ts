import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

/** gitleaks' own samples by rule: test/fixtures/detection/README.md. */
export function gitleaksSamples(): [rule: string, samples: { found: string[]; passed: string[] }][] {
  const file = join(import.meta.dirname, '../fixtures/detection/gitleaksSamples.json.br');
  const samples = JSON.parse(brotliDecompressSync(readFileSync(file)).toString()) as Record<
    string,
    { found: string[]; passed: string[] }
  >;
  return Object.entries(samples);
}
