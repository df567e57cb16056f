import { hash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { dayOf } from '../ledger/day.ts';
import { readFileBytes } from '../readFile.ts';
import { replaceFile } from '../replaceFile.ts';
import type { Section, StoredReport } from './report.ts';
import { storedReportSchema } from './reportSchema.ts';

const mostBytes = 1024 * 1024;
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const extension = '.json';

export interface ReportStoreOptions {
  /** `flow/live` or `flow/simulated` in the state folder. */
  directory: string;
  /** IANA zone of the policy days. */
  timeZone: string;
}

/** The reports of runs, one file each; the audit journal has their hashes. */
export class ReportStore {
  readonly #options: ReportStoreOptions;

  constructor(options: ReportStoreOptions) {
    this.#options = options;
  }

  /**
   * Stores a report without the content of its private sections; durable when it resolves. Returns the SHA-256 of the
   * file, lower-case hex. Throws `invalid_request` for a report above 1 MiB, and `content_unavailable`.
   */
  async write(stored: StoredReport): Promise<{ sha256: string }> {
    const path = this.#path(stored.run_id);
    const kept = { ...stored, report: { ...stored.report, sections: stored.report.sections.map(asKept) } };
    const bytes = Buffer.from(canonicalize(kept) ?? '');
    if (bytes.length > mostBytes)
      throw new GatewayError('invalid_request', 'The report is larger than 1 MiB, so it is not stored.', {
        hint: 'Run the agreement over fewer days or with fewer calls.',
      });
    await replaceFile(path, bytes).catch((error: unknown) => {
      throw unavailable(path, messageOf(error), error);
    });
    return { sha256: hash('sha256', bytes) };
  }

  /** The report of a run, verified by the hash in its record. Throws `content_unavailable` if missing or changed. */
  async read(runId: string, sha256: string): Promise<StoredReport> {
    const path = this.#path(runId);
    const bytes = await readFileBytes(path, mostBytes).catch((error: unknown) => {
      const why = systemCodeOf(error) === 'ENOENT' ? 'it no longer exists' : messageOf(error);
      throw unavailable(path, why, error);
    });
    if (hash('sha256', bytes) !== sha256) throw unavailable(path, 'it was changed after it was written');
    const { data, error } = storedReportSchema.safeParse(jsonOf(bytes));
    if (data?.run_id !== runId) throw unavailable(path, 'it is not a report of this run', error);
    return data;
  }

  /** Deletes the reports written on policy days before `day`, YYYY-MM-DD. */
  async removeBefore(day: string): Promise<void> {
    const { directory, timeZone } = this.#options;
    const names = await readdir(directory).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return [];
      throw unavailable(directory, messageOf(error), error);
    });
    for (const name of names) {
      // The draft of a dead process has a report's name as its prefix.
      if (!uuid.test(name.slice(0, 36)) || !name.slice(36).startsWith(extension)) continue;
      const path = join(directory, name);
      const found = await stat(path).catch(() => null);
      if (found && dayOf(found.mtime, timeZone) < day) await rm(path, { force: true });
    }
  }

  #path(runId: string): string {
    if (!uuid.test(runId))
      throw new GatewayError('invalid_request', 'A run is named by its UUID.', {
        hint: 'Find it with "tidyllm flow history".',
      });
    return join(this.#options.directory, `${runId}${extension}`);
  }
}

function asKept(section: Section): Section {
  if (section.private !== true) return section;
  const text = 'Not stored with the report: it contains text of prompts, answers or commands.';
  return { ...section, text, table: null, chart: null };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

function unavailable(path: string, why: string, cause?: unknown): GatewayError {
  return new GatewayError('content_unavailable', `The report ${path} can't be used: ${why}.`, {
    hint: 'Run the agreement again, or restore the file from a backup.',
    cause,
  });
}
