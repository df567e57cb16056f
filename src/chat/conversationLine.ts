import * as z from 'zod/mini';
import type { ContentKeys } from '../content/contentKeys.ts';
import type { ContentPolicy } from '../content/contentStore.ts';
import { Redactor } from '../content/redaction.ts';
import { sealedText, unsealedText } from '../content/sealedText.ts';
import type { Settings } from '../settings/schema.ts';
import type { Attachment } from './context/attachment.ts';
import { turnSchema, type Turn } from './turn.ts';

/** What is known of a conversation besides its turns. Times are ISO 8601. */
const aboutSchema = z.object({
  /** The first words of the first question, until somebody gives another. */
  title: z.string(),
  pinned: z.boolean(),
  /** When it was moved to the deleted ones; null while it is not. */
  deleted: z.nullable(z.string()),
  created: z.string(),
  /** When a question was last asked or answered. */
  asked: z.string(),
  /** Keys of the workspaces it began in; none for a window without a folder. */
  workspaces: z.array(z.string()),
  /** The last turn of the shown branch. */
  leaf: z.nullable(z.string()),
  turns: z.number(),
});

const lineSchema = z.discriminatedUnion('kind', [
  /** A new turn, or the whole of a changed one. */
  z.object({ kind: z.literal('turn'), turn: turnSchema }),
  /** A question that was taken back. */
  z.object({ kind: z.literal('removed'), id: z.string() }),
  z.object({ kind: z.literal('about'), about: aboutSchema }),
]);

export type ConversationAbout = z.infer<typeof aboutSchema>;
export type ConversationLine = z.infer<typeof lineSchema>;

/** Who writes lines, and what policy lets them keep. */
export interface Author {
  user: string;
  policy: ContentPolicy;
  /** Of the settings: what they find is redacted too. */
  patterns: Settings['compliance']['patterns'];
}

/** The user as the author of lines, with the policy of the settings. */
export function authorOf(user: string, { audit, compliance }: Settings): Author {
  return { user, policy: audit.content, patterns: compliance.patterns };
}

/**
 * A line of a file: whose key seals it (SHA-256 of the user, lower-case hex), a space, and the sealed JSON as Base64. It
 * is bound to its conversation. Throws `content_unavailable` if the key can't be used.
 */
export function sealedLine(
  keys: ContentKeys,
  { user, policy, patterns }: Author,
  id: string,
  line: ConversationLine,
): string {
  const text = JSON.stringify(renamed(policy === 'redacted' ? redacted(line, patterns) : line, snakeCase));
  return `${sealedText(keys, user, boundTo(id), text)}\n`;
}

/** The line; null if it was changed, belongs elsewhere, or its user was erased. Throws `content_unavailable`. */
export function openedLine(keys: ContentKeys, id: string, text: string): ConversationLine | null {
  const json = unsealedText(keys, boundTo(id), text);
  try {
    return json === null ? null : lineSchema.parse(renamed(JSON.parse(json), camelCase));
  } catch {
    return null;
  }
}

/** A text in the form of a line, bound to being a draft. Throws `content_unavailable` if the key can't be used. */
export function sealedDraft(keys: ContentKeys, { user, policy, patterns }: Author, text: string): string {
  const kept = policy === 'redacted' ? new Redactor(patterns).redact(text) : text;
  return sealedText(keys, user, draft, kept);
}

/** Null if it was changed, or its user was erased. Throws `content_unavailable`. */
export function openedDraft(keys: ContentKeys, text: string): string | null {
  return unsealedText(keys, draft, text);
}

const draft = Buffer.from('TidyLLM draft 1');

function boundTo(id: string): Buffer {
  return Buffer.from(`TidyLLM conversation 1\0${id}`);
}

/** A turn for files and exports: its names in snake_case. */
export function turnAsJson(turn: Turn): unknown {
  return renamed(turn, snakeCase);
}

/** The value with another name for each member. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [rename(name), renamed(member, rename)]),
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The line without secrets and personal data in what people and models wrote. */
function redacted(line: ConversationLine, patterns: Author['patterns']): ConversationLine {
  const redactor = new Redactor(patterns);
  if (line.kind === 'about')
    return { kind: 'about', about: { ...line.about, title: redactor.redact(line.about.title) } };
  if (line.kind === 'removed') return line;
  const { turn } = line;
  const { result } = turn;
  const failure = result?.failure;
  const question = redactor.redact(turn.question);
  const { tools, signature } = turn;
  return {
    kind: 'turn',
    turn: {
      ...turn,
      answer: redactor.redact(turn.answer),
      ...(turn.thinking !== undefined && { thinking: redactor.redact(turn.thinking) }),
      // Again: a value that was found only in the answer.
      question: redactor.redact(question),
      ...(signature !== undefined && { signature: redactor.redact(signature) }),
      ...(tools && { tools: tools.map((use) => ({ ...use, does: redactor.redact(use.does) })) }),
      ...(turn.attachments && {
        attachments: turn.attachments.map((one) => redactedAttachment(one, redactor)),
      }),
      ...(result && {
        result: {
          ...result,
          failure: failure?.said ? { ...failure, said: redactor.redact(failure.said) } : result.failure,
        },
      }),
    },
  };
}

/** An image can't be searched for secrets, so it isn't kept. */
function redactedAttachment(attachment: Attachment, redactor: Redactor): Attachment {
  const { id, name, bytes } = attachment;
  if (attachment.kind !== 'image') return { ...attachment, text: redactor.redact(attachment.text) };
  return { id, name, bytes, kind: 'text', text: `[${attachment.mediaType}, ${bytes} bytes, not kept]` };
}
