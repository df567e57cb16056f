import * as z from 'zod/mini';

const common = {
  id: z.string(),
  /** What it is, for people and the model: `src/login.ts:3-9`. */
  name: z.string(),
  /** Size of its text or image. */
  bytes: z.number(),
};

const textAttachment = z.object({
  ...common,
  kind: z.enum(['file', 'selection', 'folder', 'problems', 'diff', 'terminal', 'symbol', 'text']),
  text: z.string(),
});

const imageAttachment = z.object({
  ...common,
  kind: z.literal('image'),
  mediaType: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
  /** Base64. */
  data: z.string(),
});

/** Something that is sent with a question. */
export const attachmentSchema = z.discriminatedUnion('kind', [textAttachment, imageAttachment]);

export type Attachment = z.infer<typeof attachmentSchema>;
export type TextAttachment = z.infer<typeof textAttachment>;
export type TextKind = TextAttachment['kind'];

/** The attachment for a view, which shows only what it is. */
export function withoutContent(attachment: Attachment): Attachment {
  return attachment.kind === 'image' ? { ...attachment, data: '' } : { ...attachment, text: '' };
}
