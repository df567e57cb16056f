import { createHmac, randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import * as z from 'zod';
import type { CustomPattern } from '../detection/finding.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import type { LedgerMode } from '../ledger/records.ts';
import { readFileBytes, readFileText } from '../readFile.ts';
import { replaceFile } from '../replaceFile.ts';
import type { Settings } from '../settings/schema.ts';
import { ContentKeys, subjectHash, type SubjectKey } from './contentKeys.ts';
import { contentChanged, contentUnavailable } from './contentUnavailable.ts';
import {
  answerContentForm,
  mapTexts,
  requestContentForm,
  type AnswerContent,
  type Json,
  type RequestContent,
} from './messages.ts';
import { redactedRequest, redactedTurn } from './redactedContent.ts';
import { Redactor } from './redaction.ts';
import { seal, unseal } from './sealing.ts';

/** More than any conversation with its answer. */
const mostSealedBytes = 200_000_000;

export type ContentPolicy = Settings['audit']['content'];

/** The kept content of a call. */
export interface KeptContent {
  /** `redacted` where secrets and personal data were taken out before it was stored. */
  policy: 'redacted' | 'full';
  request: RequestContent;
  /** Null when the call ended without an answer that could be stored. */
  answer: AnswerContent | null;
  /** Hashes of what is stored; with `full` they are those of the call's records. */
  requestHmac: string;
  responseHmac: string | null;
}

const storedContent = z.object({
  policy: z.enum(['redacted', 'full']),
  request: requestContentForm,
  answer: z.nullable(answerContentForm),
});
type StoredContent = z.infer<typeof storedContent>;

export interface ContentStoreOptions {
  /** Holds `keys/` and a folder for each policy day. */
  directory: string;
  policy: ContentPolicy;
  /** Of the settings: what they find is redacted too. */
  patterns: readonly CustomPattern[];
  /** Content of simulated calls opens only in their ledger. */
  mode: LedgerMode;
}

/** The content of one running call. */
export interface KeptCall {
  /** HMAC of the request under the subject's key; null by policy. */
  readonly requestHmac: string | null;
  /** Stores the request as policy says, durably, under the policy day of its RESERVE. Throws `content_unavailable`. */
  storeRequest(day: string): Promise<void>;
  /** Adds the answer, and gives its HMAC; null by policy, or when the subject was erased meanwhile. Throws `content_unavailable`. */
  storeAnswer(day: string, answer: AnswerContent): Promise<string | null>;
}

const extension = '.enc';
const dayFolder = /^\d{4}-\d\d-\d\d$/;

/**
 * Keeps prompts and answers as policy says: not at all, as keyed hashes, or as text in one file per
 * call, encrypted with a key of the subject. Erasing a subject deletes its key, so copies become unreadable too.
 */
export class ContentStore {
  readonly #options: ContentStoreOptions;
  readonly #keys: ContentKeys;
  readonly #ofProcess = randomBytes(32);

  constructor(options: ContentStoreOptions) {
    this.#options = options;
    this.#keys = new ContentKeys(join(options.directory, 'keys'));
  }

  /** Whether policy keeps the text of calls. */
  get keepsText(): boolean {
    return this.#options.policy === 'redacted' || this.#options.policy === 'full';
  }

  /**
   * A key for another use, which the subject's erasure ends; where nothing is kept, this process alone knows it.
   * Throws `content_unavailable`.
   */
  keyFor(subject: string, use: string): Buffer {
    const key = this.#options.policy === 'none' ? this.#ofProcess : this.#keys.of(subject).hashing;
    return createHmac('sha256', key).update(`tidyllm key\0${subject}\0${use}`, 'utf8').digest();
  }

  /** Begins to keep a call. Nothing is stored yet. Throws `content_unavailable`. */
  begin(subject: string, callId: string, request: RequestContent): KeptCall {
    const { policy } = this.#options;
    if (policy === 'none') return keepsNothing;
    const key = this.#keys.of(subject);
    const requestHmac = hmacOf(key, callId, requestText(request));
    // One for the whole call: a value found in the question is also removed from the answer.
    const redactor = new Redactor(this.#options.patterns);
    const redacts = policy === 'redacted';
    const store = async (day: string, answer: AnswerContent | null): Promise<void> => {
      if (policy === 'hash') return;
      const answered = answer !== null && redacts ? redactedTurn(answer, redactor) : answer;
      // After the answer, so that a value found only in the answer is also removed from the question.
      const asked = redacts ? redactedRequest(request, redactor) : request;
      const kept: StoredContent = { policy, request: asked, answer: answered };
      const path = this.#path(day, subject, callId);
      await writeDurably(path, seal(key, this.#boundTo(callId), JSON.stringify(kept)));
    };
    return {
      requestHmac,
      storeRequest: (day) => store(day, null),
      storeAnswer: async (day, answer) => {
        if (this.#keys.find(subject)?.version !== key.version) return null;
        await store(day, answer);
        return hmacOf(key, callId, answerText(answer));
      },
    };
  }

  /**
   * The kept content of a call whose RESERVE has this policy day; null when there is none, or it was erased.
   * Throws `content_unavailable` when it was changed.
   */
  async read(subject: string, day: string, callId: string): Promise<KeptContent | null> {
    const key = this.#keys.find(subject);
    if (!key || !dayFolder.test(day) || !/^[\w-]+$/.test(callId)) return null;
    const path = this.#path(day, subject, callId);
    const sealed = await readFileBytes(path, mostSealedBytes).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw contentUnavailable(path, error);
    });
    if (!sealed) return null;
    const { policy, request, answer } = opened(key, this.#boundTo(callId), sealed, path);
    return {
      policy,
      request,
      answer,
      requestHmac: hmacOf(key, callId, requestText(request)),
      responseHmac: answer === null ? null : hmacOf(key, callId, answerText(answer)),
    };
  }

  /**
   * Deletes a subject's key and everything that was kept, then calls `record` with the number of calls.
   * After its first step nothing can be read; if it is interrupted, running it again finishes and
   * records it. Throws `invalid_request` when nothing is kept of the subject.
   */
  async erase<T>(
    subject: string,
    record: (items: number) => Promise<T>,
  ): Promise<{ items: number; recorded: T }> {
    const keyPath = this.#keys.path(subject);
    const pending = `${keyPath}.erasing`;
    try {
      const days = await this.#days();
      const folders = days.map((day) => this.#folder(day, subject));
      const counts = await Promise.all(folders.map(countFiles));
      const begun = await readFileText(pending).catch(() => null);
      const keyFound = await rename(keyPath, pending).then(() => true, ignoreMissing);
      const items = Math.max(
        Number(begun ?? 0) || 0,
        counts.reduce((sum, count) => sum + count, 0),
      );
      if (!keyFound && begun === null && items === 0) throw nothingKept(subject);
      // The key's bytes are deleted; the number stays for a later run that finishes this.
      await writeDurably(pending, Buffer.from(String(items)));
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
      const recorded = await record(items);
      await rm(pending, { force: true });
      return { items, recorded };
    } catch (error) {
      if (GatewayError.is(error) || systemCodeOf(error) === undefined) throw error;
      throw contentUnavailable(pending, error);
    }
  }

  /** Deletes what was kept on policy days before `day`. */
  async removeBefore(day: string): Promise<void> {
    const past = (await this.#days()).filter((kept) => kept < day);
    for (const kept of past) await rm(join(this.#options.directory, kept), { recursive: true, force: true });
  }

  #path(day: string, subject: string, callId: string): string {
    return join(this.#folder(day, subject), `${callId}${extension}`);
  }

  #folder(day: string, subject: string): string {
    return join(this.#options.directory, day, subjectHash(subject));
  }

  /** Days with content. */
  async #days(): Promise<string[]> {
    const names = await readdir(this.#options.directory).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return [];
      throw contentUnavailable(this.#options.directory, error);
    });
    return names.filter((name) => dayFolder.test(name));
  }

  #boundTo(callId: string): Buffer {
    return Buffer.from(`tidyllm content 1\0${this.#options.mode}\0${callId}`);
  }
}

const keepsNothing: KeptCall = {
  requestHmac: null,
  storeRequest: () => Promise.resolve(),
  storeAnswer: () => Promise.resolve(null),
};

/**
 * The bytes that a request's hash covers: the JSON of system and messages if they are only texts, otherwise the
 * canonical JSON of all (RFC 8785), which doesn't depend on the order of members.
 */
function requestText(request: RequestContent): string {
  const { system, messages, ...rest } = request;
  const texts = [system ?? '', ...messages.map(({ content }) => content)];
  if (Object.keys(rest).length === 0 && texts.every((one) => typeof one === 'string'))
    return JSON.stringify({ system, messages: messages.map(({ role, content }) => ({ role, content })) });
  return canonicalize(request) ?? '';
}

/** The bytes that an answer's hash covers: a text itself, otherwise the canonical JSON of its blocks. */
function answerText(answer: AnswerContent): string {
  if (typeof answer === 'string') return answer;
  // Half a surrogate pair, with which an answer may end, has no canonical form.
  return canonicalize(mapTexts(answer as unknown as Json, (text) => text.toWellFormed())) ?? '';
}

/** HMAC-SHA256, lower-case hex, of the call's id, a NUL and the content. */
function hmacOf({ hashing }: SubjectKey, callId: string, content: string): string {
  return createHmac('sha256', hashing).update(`${callId}\0${content}`, 'utf8').digest('hex');
}

function opened(key: SubjectKey, boundTo: Buffer, sealed: Buffer, path: string): StoredContent {
  try {
    return storedContent.parse(JSON.parse(unseal(key, boundTo, sealed)));
  } catch {
    throw contentChanged(path, 'it was changed, or belongs to another call or key');
  }
}

/** Writes atomically, and durably when it returns. Throws `content_unavailable`. */
async function writeDurably(path: string, content: Buffer): Promise<void> {
  await replaceFile(path, content).catch((error: unknown) => {
    throw contentUnavailable(path, error);
  });
}

async function countFiles(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(extension)).length;
}

function ignoreMissing(error: unknown): false {
  if (systemCodeOf(error) === 'ENOENT') return false;
  throw error;
}

function nothingKept(subject: string): GatewayError {
  return new GatewayError('invalid_request', `Nothing is kept of the subject "${subject}".`, {
    hint: 'A subject is a user id as the audit records have it.',
  });
}
