import { randomUUID } from 'node:crypto';
import { imageFacts } from '../../content/media.ts';
import { GatewayError } from '../../errors.ts';
import { hasPrivateKey, isKeyFile } from '../../retrieval/keyFiles.ts';
import { listFiles, readInside, realFolder, type SearchedFolder } from '../../retrieval/workspaceFiles.ts';
import { ToolFault } from '../tools/chatTool.ts';
import { workingTreeDiff } from '../tools/readTools.ts';
import type { Attachment, TextAttachment, TextKind } from './attachment.ts';

/** Of one text. */
const mostTextBytes = 1_048_576;
/** Of all texts of a question. */
const mostBytesTogether = 4_194_304;
/** Of an image: Bedrock takes no larger one. */
export const mostImageBytes = 3_932_160;
/** Bedrock takes no more in a call. */
const mostImages = 20;
const mostAttachments = 50;
/** Of a folder's files. */
const mostFolderBytes = 200_000;
const mostListed = 1_000;
const withoutKeys =
  'A file of keys has no exception. Attach a text without the keys, or paste the part that is needed.';

/** A text as an attachment. Throws `invalid_request` if it is empty or too long. */
export function textAttachment(kind: TextKind, name: string, text: string): TextAttachment {
  if (text.trim() === '') throw refused(`${name} is empty`, 'Attach something with a text.');
  const bytes = Buffer.byteLength(text);
  requireSize(name, bytes);
  return { id: randomUUID(), kind, name, text, bytes };
}

/** An image as an attachment, from base64. Throws `invalid_request` if no model takes it. */
export function imageAttachment(name: string, data: string): Attachment {
  const facts = imageFacts(data);
  if (!facts)
    throw refused(`${name} is no whole PNG, JPEG, GIF or WebP image`, 'Save it in one of these formats.');
  const bytes = Buffer.byteLength(data, 'base64');
  if (bytes > mostImageBytes)
    throw refused(
      `${name} has ${amount(bytes)} bytes, and an image has at most ${amount(mostImageBytes)}`,
      'Scale it down.',
    );
  return { id: randomUUID(), kind: 'image', name, mediaType: facts.type, data, bytes };
}

/** A file as an attachment. Throws `invalid_request` for one that holds keys, is binary or is too large. */
export async function fileAttachment(
  name: string,
  bytes: Buffer,
  decode: (bytes: Buffer) => string | PromiseLike<string>,
): Promise<Attachment> {
  requireNoKeys(name);
  const data = bytes.toString('base64');
  if (imageFacts(data)) return imageAttachment(name, data);
  requireSize(name, bytes.length);
  if (bytes.includes(0) && !isUtf16(bytes))
    throw refused(`${name} is a binary file`, 'Attach a text or an image.');
  const text = await decode(bytes);
  if (hasPrivateKey(text)) throw refused(`${name} has a private key, which must not leave`, withoutKeys);
  return textAttachment('file', name, text);
}

/** Throws `invalid_request` if the name of a file says that it holds keys. */
export function requireNoKeys(name: string): void {
  if (isKeyFile(name.replaceAll('\\', '/')))
    throw refused(`${name} usually holds keys, which must not leave`, withoutKeys);
}

/**
 * The files of a folder: the list of them, and the texts of the first ones. Files that git ignores, that policy keeps
 * back, that hold keys or are behind a link are left out. Throws `invalid_request` if there are none.
 */
export async function folderAttachment(
  name: string,
  folder: SearchedFolder,
  signal: AbortSignal,
): Promise<TextAttachment> {
  const root = await realFolder(folder.path);
  const paths = root === null ? [] : await listFiles({ ...folder, path: root }, signal);
  if (root === null || paths.length === 0)
    throw refused(`${name} has no files that may be read`, 'Attach another folder.');
  const texts: string[] = [];
  let room = mostFolderBytes;
  for (const path of paths) {
    const text = await readInside(root, path);
    if (text === null) continue;
    const part = `--- ${path}\n${text}`;
    room -= Buffer.byteLength(part);
    if (room < 0) break;
    texts.push(part);
  }
  const listed = paths.slice(0, mostListed);
  const rest = paths.length - listed.length;
  return textAttachment(
    'folder',
    name,
    [
      `${paths.length} files, of which ${texts.length} follow with their texts:`,
      ...listed,
      ...(rest > 0 ? [`… and ${rest} more`] : []),
      ...texts,
    ].join('\n'),
  );
}

/** What changed since the last commit. Throws `invalid_request` if nothing did, or git can't say. */
export async function diffAttachment(folder: SearchedFolder, signal: AbortSignal): Promise<TextAttachment> {
  try {
    const { text } = await workingTreeDiff(folder, signal);
    return textAttachment('diff', 'git diff', text);
  } catch (error) {
    if (!(error instanceof ToolFault)) throw error;
    throw new GatewayError('invalid_request', error.message, { hint: 'Nothing was attached.', cause: error });
  }
}

/** Throws `invalid_request` if these are more than go with one question. */
export function requireFitting(attachments: readonly Attachment[]): void {
  const images = attachments.filter(({ kind }) => kind === 'image');
  if (attachments.length > mostAttachments)
    throw refused(`A question has at most ${mostAttachments} attachments`, 'Remove some.');
  if (images.length > mostImages)
    throw refused(`A question has at most ${mostImages} images`, 'Remove some images.');
  const bytes = attachments.reduce((sum, one) => sum + (one.kind === 'image' ? 0 : one.bytes), 0);
  if (bytes > mostBytesTogether)
    throw refused(
      `The attachments of a question have at most ${amount(mostBytesTogether)} bytes together`,
      'Remove some.',
    );
}

function requireSize(name: string, bytes: number): void {
  if (bytes > mostTextBytes)
    throw refused(
      `${name} has ${amount(bytes)} bytes, and an attachment has at most ${amount(mostTextBytes)}`,
      'Attach a selection of it.',
    );
}

/** UTF-16 has zeros in plain text; it begins with a mark. */
function isUtf16(bytes: Buffer): boolean {
  return ['fffe', 'feff'].includes(bytes.toString('hex', 0, 2));
}

function refused(why: string, hint: string): GatewayError {
  return new GatewayError('invalid_request', `${why}.`, { hint: `Nothing was attached. ${hint}` });
}

function amount(bytes: number): string {
  return bytes.toLocaleString('en-US');
}
