import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReportStore } from '../../../src/flow/reportStore.ts';
import { plainReport, storedReport } from '../../support/reports.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const report = storedReport();
const runId = report.run_id;

function store(): { directory: string; reports: ReportStore; path: string } {
  const directory = join(temporaryFolder(), 'flow', 'live');
  const reports = new ReportStore({ directory, timeZone: 'Europe/Berlin' });
  return { directory, reports, path: join(directory, `${runId}.json`) };
}

describe('stored reports', () => {
  it('come back as they were written', async () => {
    const { reports } = store();
    const { sha256 } = await reports.write(report);
    expect(await reports.read(runId, sha256)).toEqual(report);
  });

  it.skipIf(process.platform === 'win32')('are of this user alone', async () => {
    const { directory, reports, path } = store();
    await reports.write(report);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).toEqual([`${runId}.json`]);
  });

  it('have the same hash whatever the order of their fields', async () => {
    const reversed = Object.fromEntries(Object.entries(report).reverse()) as unknown as typeof report;
    const [one, other] = [await store().reports.write(report), await store().reports.write(reversed)];
    expect(other).toEqual(one);
  });

  it('are kept without what private sections hold', async () => {
    const { reports, path } = store();
    const [section] = plainReport.sections;
    if (!section) throw new Error('The report has no section.');
    const secret = { ...section, private: true, text: 'the answer', table: null, chart: null };
    const table = { columns: [{ label: 'Answer', unit: 'text' as const }], rows: [['in a cell']] };
    const sections = [section, secret, { ...secret, table }];
    const { sha256 } = await reports.write(storedReport({}, { sections }));
    expect(readFileSync(path, 'utf8')).not.toMatch(/the answer|in a cell/);
    const kept = await reports.read(runId, sha256);
    expect(kept.report.sections[0]).toEqual(section);
    expect(kept.report.sections[2]).toMatchObject({ title: section.title, table: null });
    expect(kept.report.sections[2]?.text).toMatch(/^Not stored/);
  });

  it('are proven against their hash', async () => {
    const { reports, path } = store();
    const { sha256 } = await reports.write(report);
    writeFileSync(path, readFileSync(path, 'utf8').replace('812 ms', '8 ms'));
    await expect(reports.read(runId, sha256)).rejects.toThrow(/it was changed after it was written/);
    rmSync(path);
    await expect(reports.read(runId, sha256)).rejects.toThrow(/it no longer exists/);
  });

  it('of another run are not taken for this one', async () => {
    const { reports, directory } = store();
    const other = '0198c0de-0000-7000-8000-000000000002';
    const { sha256 } = await reports.write(report);
    writeFileSync(join(directory, `${other}.json`), readFileSync(join(directory, `${runId}.json`)));
    await expect(reports.read(other, sha256)).rejects.toThrow(/not a report of this run/);
  });

  it('are named by a UUID and nothing else', async () => {
    const { reports } = store();
    for (const name of ['../../settings', '', `${runId}/..`, runId.toUpperCase()]) {
      await expect(reports.read(name, '')).rejects.toMatchObject({ code: 'invalid_request' });
      await expect(reports.write({ ...report, run_id: name })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    }
  });

  it('above 1 MiB are refused, and leave nothing', async () => {
    const { reports, directory } = store();
    const summary = 'x'.repeat(1024 * 1024);
    await expect(reports.write(storedReport({}, { summary }))).rejects.toThrow(/larger than 1 MiB/);
    expect(() => readdirSync(directory)).toThrow(/ENOENT/);
  });

  it('go when their day is past, in the zone of the policy', async () => {
    const { reports, directory, path } = store();
    await reports.write(report);
    writeFileSync(join(directory, 'notes.txt'), '');
    utimesSync(join(directory, 'notes.txt'), new Date(0), new Date(0));
    // Already the 20th in Berlin.
    const written = new Date('2026-07-19T22:30:00Z');
    utimesSync(path, written, written);
    await reports.removeBefore('2026-07-20');
    expect(readdirSync(directory)).toHaveLength(2);
    await reports.removeBefore('2026-07-21');
    expect(readdirSync(directory)).toEqual(['notes.txt']);
  });

  it('that were never written are nothing to remove', async () => {
    await expect(store().reports.removeBefore('2026-07-20')).resolves.toBeUndefined();
  });
});
